import { withoutTokens } from "./wording.js";

/** An element. Data never gets in as markup: strings become text, see {@link write}. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const name of Object.keys(attributes)) made.setAttribute(name, attributes[name]!);
  made.append(...children.map((each) => (typeof each === "string" ? withoutTokens(each) : each)));
  return made;
}

/** Sets the text where it is another: a live region speaks at every change, and a selection outlives none. */
export function write(target: Node, text: string): void {
  const shown = withoutTokens(text);
  if (target.textContent !== shown) target.textContent = shown;
}

/** Through the CSSOM: a Content-Security-Policy without `unsafe-inline` allows that, and no `style` attribute. */
export const setStyle = (target: HTMLElement, name: string, value: string): void =>
  target.style.setProperty(name, value);

/** The same goes for a `<style>`: there is one only where sheets cannot be adopted (Safari before 16.4). */
export function adopt(root: ShadowRoot, css: string): void {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
  } catch {
    root.append(element("style", {}, css));
  }
}
