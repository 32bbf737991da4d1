import { brotliCompressSync, constants } from "node:zlib";
import { bundle } from "./bundle.mjs";

/** What an application imports from each package. */
const imports = {
  "cube-token-manager, endpoint and memory": 'export { CubeTokenManager } from "cube-token-manager"',
  "cube-token-manager, everything": 'export * from "cube-token-manager"',
  "@badgateway/oauth2-client": 'export { OAuth2Client, OAuth2Fetch } from "@badgateway/oauth2-client"',
  "Azure token cycler": 'export { bearerTokenAuthenticationPolicy } from "@azure/core-rest-pipeline"',
  "keycloak-js": 'export { default } from "keycloak-js"',
  "oidc-client-ts": 'export { UserManager } from "oidc-client-ts"',
  "@supabase/auth-js": 'export { GoTrueClient } from "@supabase/auth-js"',
  "@firebase/auth": `
    export { initializeApp } from "@firebase/app";
    export { initializeAuth, indexedDBLocalPersistence, getIdToken } from "@firebase/auth";`,
  "@okta/okta-auth-js": 'export { OktaAuth } from "@okta/okta-auth-js"',
  "@auth0/auth0-spa-js": 'export { Auth0Client } from "@auth0/auth0-spa-js"',
};

/** Measures the sizes in bytes, minified and with brotli, dependencies included. */
export async function measureSizes() {
  const sizes = {};
  for (const [name, contents] of Object.entries(imports)) {
    const text = await bundle({ contents }, { minify: true, platform: "browser" });
    const brotli = brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
    sizes[name] = { min: Buffer.byteLength(text), brotli };
  }
  return sizes;
}
