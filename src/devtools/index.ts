/**
 * A panel that shows the token's lifecycle in the page, for development and demos.
 *
 * @module cube-token-manager/devtools
 */

import type { TokenEvent, TokenProvider } from "../types.js";
import { adopt, element, write } from "./dom.js";
import { type Mark, record, settle } from "./history.js";
import { createLog, MAX_ENTRIES } from "./log.js";
import { createServerTime } from "./server-time.js";
import { css } from "./style.js";
import { createTimeline } from "./timeline.js";
import { createTokenPanel } from "./token-panel.js";

export type { CubeTokenError, CubeTokenErrorCode, CubeTokenErrorOptions } from "../errors.js";
export type { GetTokenOptions, TokenEvent, TokenProvider, TokenSnapshot } from "../types.js";

const TICK = 1000;

/**
 * Where the panel goes.
 *
 * @example
 * const options: MountDevtoolsOptions = { container: document.body };
 */
export interface MountDevtoolsOptions {
  /**
   * The element that the panel is appended to. @default the lower right corner of the page, above everything else
   * @example
   * mountDevtools(tokens, { container: document.querySelector("#token") ?? undefined });
   */
  container?: ParentNode | undefined;
}

/**
 * Shows what a manager does: the token's state, a countdown, its claims, a timeline of refreshes, requests, failures and
 * waits for other tabs, and a log. It calls only `subscribe` and `getSnapshot`, so it never requests a token and
 * never shows one.
 *
 * The panel has its own shadow root, so its styles and the page's do not affect each other. Claims are visible to anyone
 * who sees the screen: load it in development only.
 *
 * @param tokens a `CubeTokenManager`, or what `isolatedTokens(worker)` returns.
 * @param options `container`: where the panel goes.
 * @returns a function that unmounts it.
 * @throws {TypeError} if `tokens` is not a manager, or nothing can be appended to `container`.
 *
 * @example
 * if (import.meta.env.DEV) {
 *   const { mountDevtools } = await import("cube-token-manager/devtools");
 *   mountDevtools(tokens);
 * }
 */
export function mountDevtools(
  tokens: Pick<TokenProvider, "getSnapshot" | "subscribe">,
  { container }: MountDevtoolsOptions = {},
): () => void {
  if (typeof tokens?.subscribe !== "function" || typeof tokens.getSnapshot !== "function") {
    throw new TypeError("mountDevtools: tokens must be a CubeTokenManager.");
  }
  if (container !== undefined && typeof container?.append !== "function") {
    throw new TypeError("mountDevtools: container must be an element of the page.");
  }
  const token = createTokenPanel();
  const timeline = createTimeline();
  const log = createLog();
  const status = element("span", { class: "pill", "aria-hidden": "true" });
  const spoken = element("p", { class: "spoken", role: "status" });
  const content = element(
    "div",
    { class: "content" },
    token.panel,
    element("div", {}, element("h3", {}, "Timeline"), timeline.image, element("h3", {}, "Log"), log.list),
  );
  const host = element("div", container ? {} : { "data-floating": "" });
  const root = host.attachShadow({ mode: "open" });
  adopt(root, css);
  root.append(
    element(
      "section",
      { "aria-label": "Token devtools" },
      spoken,
      element("details", { open: "" }, element("summary", {}, element("h2", {}, "Token"), status), content),
    ),
  );
  // A scrollable area must be reachable by keyboard.
  if (!container) content.tabIndex = 0;

  const marks: Mark[] = [];
  const serverTime = createServerTime();
  const draw = (): void => {
    const snapshot = tokens.getSnapshot();
    const now = Date.now();
    if (!snapshot.refreshing) settle(marks, now, true);
    write(status, snapshot.status);
    status.dataset.status = snapshot.status;
    write(spoken, `The token is ${snapshot.status}.`);
    token.draw(snapshot, serverTime(snapshot, now));
    timeline.draw(marks, snapshot, now);
  };
  const onEvent = (event: TokenEvent): void => {
    const mark = record(marks, event, tokens.getSnapshot().refreshing, Date.now());
    marks.push(mark);
    if (marks.length > MAX_ENTRIES) marks.shift();
    log.add(mark);
    draw();
  };
  const stop = tokens.subscribe(onEvent);
  const timer = setInterval(draw, TICK);
  draw();
  (container ?? document.body).append(host);
  return () => {
    stop();
    clearInterval(timer);
    host.remove();
  };
}
