const { protocol, hostname, port } = location;

/** The demo's server has two names, and two names are two origins with cookies and storage of their own. */
const others = { localhost: "127.0.0.1", "127.0.0.1": "localhost" };

/** This page's server by its other name; undefined where it is reached by a third. */
export const otherOrigin = others[hostname] && `${protocol}//${others[hostname]}${port && `:${port}`}`;
