/**
 * The requirements on a runtime, in 12 seconds, with tokens of five: without dependencies, so that it runs anywhere. Its
 * server is `server.mjs`.
 *
 * @param {object} library the package's root entry.
 * @param {object} world
 * @param {string} world.url of the server.
 * @param {{ getItem: Function; setItem: Function; removeItem: Function }} [world.storage] the runtime's own.
 * @param {string} world.run a name that no other run has.
 */
export async function scenario(library, { url, run, storage = mapStorage() }) {
  const { CubeTokenManager, customStorage, isCubeTokenError, withTokens } = library;
  const check = (condition, message) => {
    if (!condition) throw new Error(message);
  };
  const sleep = (ms) => new Promise((go) => setTimeout(go, ms));
  const rejected = (promise) =>
    promise.then(
      () => "nothing",
      (error) => (isCubeTokenError(error) ? error.code : String(error)),
    );
  const stored = async (name) => (await storage.getItem(`${run}-${name}`)) ?? "";
  const end = Date.now() + 12_000;

  // Two users of one process, by endpoint and by function, who share only a storage.
  const user = (name, options) =>
    new CubeTokenManager({
      storage: customStorage(storage),
      storageKey: `${run}-${name}`,
      identity: name,
      ...options,
    });
  const endpoint = (name) => `${url}/token?run=${run}&user=${name}`;
  const ada = user("ada", { endpoint: endpoint("ada") });
  const bob = user("bob", {
    fetchToken: async () => (await (await fetch(endpoint("bob"))).json()).token,
  });

  async function live(tokens, name) {
    let calls = 0;
    while (Date.now() < end) {
      const token = await tokens.getToken();
      const { sub, exp } = tokens.getSnapshot().claims;
      check(sub === name, `${name} got a token of ${sub}.`);
      check(exp * 1000 > Date.now(), `${name} got an expired token.`);
      check(token.length > 20, `${name} got ${token.length} characters.`);
      calls++;
      await sleep(100);
    }
    return calls;
  }

  async function refusals() {
    await sleep(1000);
    const before = await bob.getToken();
    bob.invalidate(before);
    check((await bob.getToken()) !== before, "A refused token was returned again.");
    check(bob.getSnapshot().status !== "expired", "The refusal was not replaced.");
  }

  /** Like Cube's own client: repeats the request while the answer is "Continue wait". */
  async function longPoll() {
    const transport = {
      authorization: undefined,
      request: (method) => ({
        subscribe: async (callback) => {
          const send = async () => {
            const { authorization } = transport;
            const response = await fetch(`${url}/${method}?run=${run}`, { headers: { authorization } });
            return callback(response, send);
          };
          return send();
        },
      }),
    };
    const request = withTokens(transport, ada).request("load", {});
    const rows = await request.subscribe(async (response, again) => {
      const body = await response.json();
      return body.error === "Continue wait" ? again() : body;
    });
    check(rows.data?.length === 1, `The long poll ended with ${JSON.stringify(rows)}.`);
  }

  /** REST by hand: with the token, and without following a redirect. */
  async function byHand() {
    const cubeFetch = withTokens(fetch, ada, { url });
    const { ok } = await cubeFetch(`${url}/meta`, { method: "POST", body: "{}" });
    check(ok, "A request by hand carries no token.");
    check(
      (await rejected(cubeFetch(`${url}/moved`))) !== "nothing",
      "A redirect was followed with the token.",
    );
  }

  async function failures() {
    let calls = 0;
    const shaky = new CubeTokenManager({
      fetchToken: async () => {
        if (++calls < 3) throw new Error("not now");
        return "opaque";
      },
    });
    check((await shaky.getToken()) === "opaque", "A failing source was not retried.");
    check(calls === 3, `A failing source was called ${calls} times.`);
    shaky.dispose();

    const over = new CubeTokenManager({ endpoint: `${url}/401` });
    check((await rejected(over.getToken())) === "ERR_UNAUTHENTICATED", "401 is not reported as signed out.");
    over.dispose();

    const aborted = new CubeTokenManager({ endpoint: `${url}/never` });
    const controller = new AbortController();
    const waiting = rejected(aborted.getToken({ signal: controller.signal }));
    const others = rejected(aborted.getToken());
    controller.abort();
    check((await waiting) === "ERR_ABORTED", "A signal does not end the wait.");
    await aborted.clear();
    check((await others) === "ERR_CLEARED", "A sign-out does not end the wait.");
    aborted.dispose();

    const slow = new CubeTokenManager({ endpoint: `${url}/never`, requestTimeout: 300, retries: 0 });
    check((await rejected(slow.getToken())) === "ERR_TIMEOUT", "A timeout does not end the wait.");
    slow.dispose();
  }

  const [calls] = await Promise.all([
    live(ada, "ada"),
    live(bob, "bob"),
    refusals(),
    longPoll(),
    byHand(),
    failures(),
  ]);
  const statistics = await (await fetch(`${url}/statistics?run=${run}`)).json();
  // Every half of five seconds, slightly earlier by the jitter; two more for the refusals.
  for (const name of ["ada", "bob"]) {
    const requests = statistics.tokens[name];
    check(requests >= 3 && requests <= 12, `${name}: ${requests} token requests in 12 s.`);
  }
  check(statistics.dead === 0, `Cube received ${statistics.dead} expired tokens.`);
  check(statistics.refused === 1, `Cube refused ${statistics.refused} tokens instead of one.`);

  check((await stored("ada")).length > 20, "The storage contains nothing of ada.");
  await ada.clear();
  check(!(await stored("ada")), "The storage contains ada's token after the sign-out.");
  check((await stored("bob")).length > 20, "ada's sign-out erased bob's token.");
  check(ada.getSnapshot().status === "empty", "Signed out, but not empty.");
  await ada.getToken();
  // No `dispose()` for ada: her manager must not keep the process alive.
  await bob.clear();
  bob.dispose();
  check((await rejected(bob.getToken())) === "ERR_DISPOSED", "Disposed of, but still working.");
  return { calls, tokens: statistics.tokens };
}

/** Like React Native's AsyncStorage: asynchronous, and strict about the number of arguments. */
function mapStorage() {
  const map = new Map();
  const exactly =
    (count, method) =>
    async (...args) => {
      if (args.length !== count) throw new TypeError(`${args.length} arguments instead of ${count}`);
      return method(...args);
    };
  return {
    getItem: exactly(1, (key) => map.get(key) ?? null),
    setItem: exactly(2, (key, value) => void map.set(key, value)),
    removeItem: exactly(1, (key) => void map.delete(key)),
  };
}
