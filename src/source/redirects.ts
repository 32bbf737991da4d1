/** A redirect that was shown instead of followed: opaque in browsers, as it is on servers. */
const isRedirect = ({ type, status, headers }: Response): boolean =>
  type === "opaqueredirect" || (status >= 300 && status < 400 && headers.has("location"));

/**
 * Tells a session that is over from a network that is down, where the endpoint redirects to another origin's sign-in
 * page: to a page's script both look like a network failure.
 *
 * After a network failure the next request has redirects shown instead of followed. One that is shown is confirmed by a
 * request that follows it, in the same attempt if that may take two; if that fails too, the user is signed out. From then
 * on the two kinds take turns, and a redirect that can be followed again is.
 *
 * @param signedOut makes the error for it.
 * @returns what sends the requests of one attempt. Its `usual` is how the application wants redirects treated.
 */
export function createRedirects(signedOut: (cause?: unknown) => Error) {
  let shows = false;
  let isOver = false;
  return async (
    send: (redirect: RequestRedirect) => Promise<Response>,
    usual: RequestRedirect,
    signal: AbortSignal,
    mayTakeTwo: boolean,
  ): Promise<Response> => {
    let response = await send(shows ? "manual" : usual).catch((error) => {
      if (signal.aborted) throw error;
      // Offline: not even a redirect was shown.
      if (shows) isOver = false;
      shows = true;
      throw isOver ? signedOut(error) : error;
    });
    if (isRedirect(response)) {
      const mayFollow = usual !== "manual";
      const isConfirmed = !shows || isOver || !mayFollow;
      shows = false;
      if (!isConfirmed) {
        isOver = !mayTakeTwo;
        if (isOver) throw new TypeError("The endpoint redirects. The next attempt follows it.");
        response = await send(usual).catch((error) => {
          isOver = !signal.aborted;
          throw isOver ? signedOut(error) : error;
        });
      }
      if (isRedirect(response)) {
        isOver = mayFollow;
        throw signedOut();
      }
    }
    shows = isOver = false;
    return response;
  };
}
