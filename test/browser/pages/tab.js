/* global cubeTokenManager, lanes */
/** Functions of the scenarios for a tab. */
{
  const { CubeTokenManager, cookieStorage, indexedDBStorage, memoryStorage, webStorage } = cubeTokenManager;
  const storages = {
    memory: memoryStorage,
    local: () => webStorage("local"),
    indexeddb: () => indexedDBStorage(),
    cookie: () => cookieStorage(),
  };
  const realNow = Date.now;
  let clock = 0;
  Date.now = () => realNow.call(Date) + clock;

  const outcome = (promise) =>
    promise.then(
      (token) => token,
      (error) => `! ${error.code ?? error}`,
    );

  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  /** Calls a function with every object store of this origin. */
  async function everyStore(mode, act) {
    const results = [];
    for (const { name } of await indexedDB.databases()) {
      const database = await done(indexedDB.open(name));
      for (const store of database.objectStoreNames) {
        results.push(await done(act(database.transaction(store, mode).objectStore(store))));
      }
      database.close();
    }
    return results;
  }

  const newTab = () => ({
    events: [],
    tokens: undefined,
    /** Makes the tab's manager. */
    make(storage, options = {}) {
      this.tokens?.dispose();
      this.events = [];
      this.tokens = new CubeTokenManager({
        endpoint: `/token?from=${options.storageKey ?? ""}`,
        storage: storages[storage](),
        storageKey: "cube.token",
        ...options,
      });
      this.tokens.subscribe(({ type, from, error, reason }) =>
        this.events.push({ type, detail: from ?? error?.code ?? reason }),
      );
    },
    /** A token, or "! " and the error's code. */
    get(options) {
      return outcome(this.tokens.getToken(options));
    },
    /** The same, at the moment that a tab announces. */
    arm(options) {
      const channel = new BroadcastChannel("fire");
      this.answer = new Promise((resolve) => {
        channel.onmessage = ({ data: time }) => {
          channel.close();
          while (realNow.call(Date) < time);
          resolve(this.get(options));
        };
      });
    },
    fire() {
      const channel = new BroadcastChannel("fire");
      channel.postMessage(realNow.call(Date) + 300);
      channel.close();
    },
    /** Asks repeatedly; resolves to the failures. */
    async poll(duration, interval) {
      const failures = [];
      const end = realNow.call(Date) + duration;
      while (realNow.call(Date) < end) {
        const token = await this.get();
        const { exp } = token.startsWith("!") ? { exp: 0 } : JSON.parse(atob(token.split(".")[1]));
        if (exp * 1000 <= realNow.call(Date)) failures.push(token.slice(0, 20));
        await new Promise((go) => setTimeout(go, interval));
      }
      return failures;
    },
    /** Asks until there is a token, or the time is over; resolves to the last answer. */
    async insist(duration, interval) {
      const end = realNow.call(Date) + duration;
      for (;;) {
        const token = await this.get();
        if (!token.startsWith("!") || realNow.call(Date) > end) return token;
        await new Promise((go) => setTimeout(go, interval));
      }
    },
    /** The outcomes, without the steps that lead to them. */
    types() {
      const progress = ["refreshing", "waiting", "requested", "attemptfailed", "stale", "expired"];
      return this.events.map(({ type }) => type).filter((type) => !progress.includes(type));
    },
    /** Resolves after such an event, or after a while without one. */
    heard(wanted) {
      return new Promise((resolve) => {
        if (this.types().includes(wanted)) resolve();
        this.tokens.subscribe(({ type }) => type === wanted && resolve());
        setTimeout(resolve, 1000);
      });
    },
    /** Changes the machine's clock, or simulates a sleep. */
    moveClock(by) {
      clock += by;
    },
    /** Everything that this origin stores, as text. */
    async stored() {
      const rows = await everyStore("readonly", (store) => store.getAll());
      return Object.values(localStorage).join() + document.cookie + rows.flat().join();
    },
    /** Erases everything stored. The databases stay, as a worker may have them open. */
    async wipe() {
      localStorage.clear();
      for (const pair of document.cookie.split("; ")) {
        // biome-ignore lint/suspicious/noDocumentCookie: that is what is tested.
        document.cookie = `${pair.split("=")[0]}=; Path=/; Max-Age=0`;
      }
      await everyStore("readwrite", (store) => store.clear());
    },
  });
  window.tab = newTab();
  /** More managers in this tab, each with a key of its own. */
  window.lanes = [];
  window.makeLanes = (all) => {
    for (const { tokens } of lanes) tokens.dispose();
    window.lanes = all.map(({ storage, ...options }) => {
      const lane = newTab();
      lane.make(storage, options);
      lane.key = options.storageKey;
      return lane;
    });
  };
}
