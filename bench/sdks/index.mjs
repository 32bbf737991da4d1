import * as auth0 from "./auth0-spa-js.mjs";
import * as azure from "./azure-token-cycler.mjs";
import * as badgateway from "./badgateway-oauth2-client.mjs";
import * as bare from "./bare.mjs";
import * as bareWithClock from "./bare-with-clock.mjs";
import * as own from "./cube-token-manager.mjs";
import * as firebase from "./firebase-auth.mjs";
import * as keycloak from "./keycloak-js.mjs";
import * as oidc from "./oidc-client-ts.mjs";
import * as okta from "./okta-auth-js.mjs";
import * as supabase from "./supabase-auth-js.mjs";

/**
 * Each creates a client that holds a valid token. `getToken()` is its warm path. `refresh()`, where the SDK has one, gets a
 * new token.
 *
 * @type {Record<string, {
 *   create(token: string): Promise<{ getToken(): Promise<string>, refresh?(): Promise<string> }>,
 * }>}
 */
export const sdks = {
  "bare async function": bare,
  "one look at the clock": bareWithClock,
  "cube-token-manager": own,
  "keycloak-js": keycloak,
  "@badgateway/oauth2-client": badgateway,
  "Azure token cycler": azure,
  "@firebase/auth": firebase,
  "@okta/okta-auth-js": okta,
  "@supabase/auth-js": supabase,
  "oidc-client-ts": oidc,
  "@auth0/auth0-spa-js": auth0,
};
