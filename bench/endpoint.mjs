const base64url = (value) =>
  btoa(JSON.stringify(value)).replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_");

let serial = 0;

/** Issues a JWT for an hour. Its signature is never verified here. */
export function issue() {
  const iat = Math.floor(Date.now() / 1000);
  // Includes the claims that the identity providers' SDKs expect in an ID token.
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

/** The response time, in ms. */
const LATENCY = 5;

let count = 0;
/** The number of requests so far. */
export const requests = () => count;

/** Stands in for every SDK's endpoint: the response has the fields that each of them expects. */
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
