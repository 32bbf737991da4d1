/* global cubeTokenManager, devtools */
// A page with hostile styles and a strict policy, neither of which may affect the devtools.
const { CubeTokenManager } = cubeTokenManager;

globalThis.page = {
  mount() {
    this.tokens = new CubeTokenManager({ endpoint: "/token" });
    this.container = document.body.appendChild(document.createElement("div"));
    this.stop = devtools.mountDevtools(this.tokens, { container: this.container });
  },
  float() {
    return devtools.mountDevtools(this.tokens);
  },
  get root() {
    return this.container.firstElementChild.shadowRoot;
  },
  text(selector) {
    return this.root.querySelector(selector).textContent;
  },
  lines() {
    return [...this.root.querySelectorAll("li span")].map(({ textContent }) => textContent);
  },
  style(selector, name) {
    return getComputedStyle(this.root.querySelector(selector)).getPropertyValue(name);
  },
};
