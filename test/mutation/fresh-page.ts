/** Removes what a test file left behind in the page that all of them share. */
globalThis.localStorage?.clear();
globalThis.sessionStorage?.clear();
if (globalThis.document) {
  // By name: it is expired today, so not listed, but valid again at the simulated time.
  // biome-ignore lint/suspicious/noDocumentCookie: the page of the tests has no Cookie Store.
  document.cookie = "cube.token=; Path=/; Max-Age=-1";
}
