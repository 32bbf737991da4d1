/** The floor for a client that checks the clock at each call: it compares the time and returns an existing promise. */
export async function create(token) {
  const promise = Promise.resolve(token);
  const until = Date.now() + 3_600_000;
  return { getToken: () => (Date.now() < until ? promise : Promise.reject(new Error("expired"))) };
}
