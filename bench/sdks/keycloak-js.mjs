import Keycloak from "keycloak-js";

export async function create(token) {
  const keycloak = new Keycloak({ url: "https://sso.test", realm: "r", clientId: "c" });
  await keycloak.init({ token, refreshToken: token, idToken: token, timeSkew: 0, checkLoginIframe: false });
  const getToken = async (minValidity = 5) => {
    await keycloak.updateToken(minValidity);
    return keycloak.token;
  };
  // -1: refreshes even a valid token.
  return { getToken: () => getToken(), refresh: () => getToken(-1) };
}
