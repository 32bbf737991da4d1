const { protocol, hostname, port } = location;

/** The demo's server has two host names, which are two origins with separate cookies and storage. */
const others = { localhost: "127.0.0.1", "127.0.0.1": "localhost" };

/** This page's server under its other name; undefined if the page was opened under a third one. */
export const otherOrigin = others[hostname] && `${protocol}//${others[hostname]}${port && `:${port}`}`;
