/* global axe, cubeTokenManager, devtools */
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
  async violations() {
    const script = document.createElement("script");
    script.src = "/axe.js";
    await new Promise((resolve, reject) => {
      Object.assign(script, { onload: resolve, onerror: reject });
      document.body.append(script);
    });
    // This minimal page has no heading of the first level.
    const rules = { "page-has-heading-one": { enabled: false } };
    const { violations, passes } = await axe.run(this.container, { rules });
    const lines = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(", ")}`);
    return { violations: lines, passes: passes.map(({ id }) => id) };
  },
  style(selector, name) {
    return getComputedStyle(this.root.querySelector(selector)).getPropertyValue(name);
  },
};
