const base64url = (value) =>
  btoa(JSON.stringify(value)).replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_");

let serial = 0;

/** A JWT for an hour. Nobody here verifies its signature. */
export function issue() {
  const iat = Math.floor(Date.now() / 1000);
  // With what the identity providers' SDKs look for in an id token.
  const claims = {
    sub: "u",
    user_id: "u",
    iss: "https://sso.test/",
    aud: "c",
    iat,
    exp: iat + 3600,
    n: serial++,
  };
  return `${base64url({ alg: "HS256", typ: "JWT" })}.${base64url(claims)}.c2ln`;
}

/** How long an answer takes, in ms. */
const LATENCY = 5;

let count = 0;
/** How many requests there have been. */
export const requests = () => count;

/** Stands in for every SDK's endpoint: the answer has the fields that each of them looks for. */
globalThis.fetch = async () => {
  count++;
  await new Promise((resolve) => setTimeout(resolve, LATENCY));
  const token = issue();
  return Response.json({
    token,
    access_token: token,
    id_token: token,
    idToken: token,
    refresh_token: token,
    refreshToken: token,
    token_type: "bearer",
    scope: "openid",
    expires_in: 3600,
    expiresIn: "3600",
    id: "u",
    user: { id: "u", aud: "c" },
    users: [{ localId: "u" }],
    issuer: "https://sso.test/",
    token_endpoint: "https://sso.test/token",
    authorization_endpoint: "https://sso.test/authorize",
    jwks_uri: "https://sso.test/jwks",
  });
};
