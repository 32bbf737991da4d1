/** Whether the redirect was returned, not followed: opaque in browsers, an ordinary response on servers. */
const isRedirect = ({ type, status, headers }: Response): boolean =>
  type === "opaqueredirect" || (status >= 300 && status < 400 && headers.has("location"));

/**
 * Distinguishes an ended session from a network failure if the endpoint redirects to a sign-in page on another origin:
 * to a page's script both look the same.
 *
 * After a network failure the next request uses `redirect: "manual"`, which reveals a redirect. One more request then
 * follows it, in the same attempt if that may send two. If that fails too, the user is signed out. From then on the two
 * modes alternate, so that the redirect is followed as soon as it can be.
 *
 * @param signedOut creates the error for that.
 * @returns a function that sends the requests of one attempt. `usual` is the redirect mode that the application wants.
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
      // Offline: not even a redirect was revealed.
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
