/** "850 ms", "12 s", "4 min 05 s", "2 h 10 min", "3 d 04 h". */
export function duration(ms: number): string {
  if (ms > 0 && ms < 1000) return `${Math.ceil(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${two((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${two((seconds % 86_400) / 3600)} h`;
}

/** The local time of day; empty if `ms` is not a valid time. */
export const clockTime = (ms: number): string =>
  Number.isNaN(new Date(ms).getTime()) ? "" : new Date(ms).toLocaleTimeString();

const MAX_VALUE = 500;

/** Formats a claim's value. The claims that RFC 7519 §4.1 defines as times also get a time of day. */
export function claim(name: string, value: unknown): string {
  const text = (typeof value === "string" ? value : JSON.stringify(value)) ?? "";
  const time = /^(exp|iat|nbf)$/.test(name) && typeof value === "number" ? clockTime(value * 1000) : "";
  return `${text.slice(0, MAX_VALUE)}${text.length > MAX_VALUE ? "…" : ""}${time && ` (${time})`}`;
}

/** Masks tokens: a claim or an application's own error message may contain one. */
export const withoutTokens = (text: string): string => text.replace(/eyJ[\w+/=-]*(\.[\w+/=-]*)+/g, "eyJ…");
