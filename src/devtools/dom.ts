import { withoutTokens } from "./wording.js";

/** Creates an element. Strings become text, never markup; see {@link write}. */
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

/** Sets the text only if it differs: each change makes a live region speak and drops a selection. */
export function write(target: Node, text: string): void {
  const shown = withoutTokens(text);
  if (target.textContent !== shown) target.textContent = shown;
}

/** Uses the CSSOM, because a Content-Security-Policy without `unsafe-inline` forbids `style` attributes. */
export const setStyle = (target: HTMLElement, name: string, value: string): void =>
  target.style.setProperty(name, value);

/** Such a policy also forbids `<style>`: it is only the fallback where sheets cannot be adopted (Safari before 16.4). */
export function adopt(root: ShadowRoot, css: string): void {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
  } catch {
    root.append(element("style", {}, css));
  }
}
