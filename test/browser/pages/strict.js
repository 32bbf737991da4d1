/* global cubeTokenManager */
/** Reports what works under a strict policy, or in a sandboxed frame. */
(async () => {
  const problems = [];
  addEventListener("securitypolicyviolation", ({ violatedDirective }) => problems.push(violatedDirective));
  const report = (text) => fetch(`/report?text=${encodeURIComponent(text)}`);
  try {
    const { CubeTokenManager, cookieStorage, createCubeApi, indexedDBStorage, webStorage } = cubeTokenManager;
    const failed = [];
    for (const storage of [webStorage(), webStorage("session"), indexedDBStorage(), cookieStorage()]) {
      const tokens = new CubeTokenManager({ endpoint: "/token?from=strict", storage });
      tokens.subscribe(
        (event) => event.type === "storagefailed" && failed.push(`${event.operation} ${event.reason}`),
      );
      const token = await tokens.getToken();
      if (token !== (await tokens.getToken())) problems.push("another token");
      createCubeApi?.(tokens, { apiUrl: "/cubejs-api/v1" });
      await tokens.clear();
      tokens.dispose();
    }
    await report(JSON.stringify({ problems, failed, full: Boolean(createCubeApi) }));
  } catch (error) {
    await report(String(error));
  }
})();
