/** The floor for a client that decides by the clock at each call: the promise is there, and one look says whether it serves. */
export async function create(token) {
  const promise = Promise.resolve(token);
  const until = Date.now() + 3_600_000;
  return { getToken: () => (Date.now() < until ? promise : Promise.reject(new Error("expired"))) };
}
