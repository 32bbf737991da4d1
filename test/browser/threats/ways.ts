/** A way to keep the token. */
export interface Way {
  id: string;
  title: string;
  /** In a frame, in a page of another site. */
  embedded?: true;
  /** An expression in the application's page: whether the token is really there. */
  kept?: string;
}

const idb = `indexedDB.databases().then(async ([{ name } = {}]) => {
  const result = (request) => new Promise((go, fail) => { request.onsuccess = () => go(request.result); request.onerror = fail; });
  const database = await result(indexedDB.open(name));
  const [store] = database.objectStoreNames;
  const all = await result(database.transaction(store).objectStore(store).getAll());
  database.close();
  return JSON.stringify(all).includes("eyJ");
})`;

export const ways: readonly Way[] = [
  { id: "memory", title: "memory" },
  {
    id: "session",
    title: "session\u00adStorage",
    kept: `JSON.stringify({ ...sessionStorage }).includes("eyJ")`,
  },
  { id: "local", title: "local\u00adStorage", kept: `JSON.stringify({ ...localStorage }).includes("eyJ")` },
  { id: "indexeddb", title: "Indexed\u00adDB", kept: idb },
  { id: "cookie", title: "cookie", kept: `document.cookie.includes("eyJ")` },
  {
    id: "partitioned",
    title: "`Partitioned` cookie",
    embedded: true,
    kept: `document.cookie.includes("eyJ")`,
  },
  { id: "isolated", title: "isolated worker" },
  { id: "frame", title: "frame", embedded: true },
  // The control: it reveals an attack that no longer works.
  { id: "careless", title: "careless" },
];
