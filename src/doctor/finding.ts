/** One line of the report. A note is neither right nor wrong: it depends on what the application wants. */
export interface Finding {
  readonly kind: "right" | "wrong" | "note";
  readonly text: string;
}

export const right = (text: string): Finding => ({ kind: "right", text });
/** @param text what is wrong, then how to fix it. */
export const wrong = (text: string): Finding => ({ kind: "wrong", text });
export const note = (text: string): Finding => ({ kind: "note", text });

const MARKS = { right: "✓", wrong: "✗", note: "–" };

/** A server may echo only a part: a cookie's value, a token without its scheme, a segment of a JWT, encoded or not. */
function partsOf(secret: string): string[] {
  const words = secret.split(secret.startsWith("eyJ") ? "." : /[\s;,]+/);
  const parts = [secret, ...words, ...words.map((word) => word.replace(/^[^=]*=/, ""))];
  return parts.flatMap((part) => [part, encodeURIComponent(part)]);
}

/**
 * Formats a finding as one line, without control characters and without secrets, wherever a server put them.
 *
 * @param secrets tokens and the values of `--header`.
 */
export function toLine({ kind, text }: Finding, secrets: readonly string[]): string {
  // A short value is not a secret, and may be part of any word.
  const shown = secrets
    .flatMap(partsOf)
    .filter(({ length }) => length >= 8)
    .sort((a, b) => b.length - a.length)
    .reduce((line, secret) => line.replaceAll(secret, "…"), text);
  return `${MARKS[kind]} ${shown.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "")}`;
}

/** Quotes a token's claim or header. It is untrusted input, so its length is limited. */
export const quote = (value: unknown): string =>
  value === undefined ? "none" : (JSON.stringify(value) ?? "none").slice(0, 80);
