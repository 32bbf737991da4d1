import { CubeTokenError, type CubeTokenErrorCode } from "../errors.js";

/** Begins what the two sides say before they have a port of their own; another version is another word. */
export const HELLO = "cube-token-manager/isolated/1";

/** From the page. Params are JSON, so that nothing but data comes over. */
export type ToWorker =
  | readonly ["send" | "stream", id: number, method: string, params: string, abortable: boolean]
  | readonly ["pull", id: number]
  /** `tells`: an answer is wanted, when it has ended. */
  | readonly ["end", id: number, tells?: boolean]
  | readonly ["clear", id: number]
  | readonly ["invalidate"]
  | readonly ["ping"]
  | readonly ["bye"];

/** One answer of Cube's. Without a status it is Cube's own word for a failure: "network Error", "timeout", "aborted". */
export interface Answer {
  readonly status?: number | undefined;
  readonly error?: string | undefined;
  readonly body?: ArrayBuffer | string | undefined;
  /** Cube's client polls for the next, with a pause. */
  readonly polls: boolean;
}

/** An error as data. Never its `cause`, its stack, or whatever else an application has put on it. */
export type Failure = Readonly<Record<string, string | number>>;

/** From the worker. */
export type ToPage =
  | readonly ["hello", snapshot: object]
  | readonly ["event", event: object, snapshot: object | undefined]
  | readonly ["answer", id: number, value: unknown]
  | readonly ["failure", id: number, failure: Failure]
  | readonly ["pong"];

const FIELDS = ["name", "message", "code", "status", "retryAfter", "url", "contentType"] as const;

const isPlain = (value: unknown): value is string | number | boolean =>
  /^(string|number|boolean)$/.test(typeof value);

export function packError(error: unknown, scrub = (text: string) => text): Failure {
  const failure: Record<string, string | number> = {};
  for (const field of FIELDS) {
    const value = (error as Record<string, unknown> | undefined)?.[field];
    if (typeof value === "string") failure[field] = scrub(value);
    if (typeof value === "number") failure[field] = value;
  }
  return failure;
}

export function unpackError({ message = "", name = "Error", ...fields }: Failure): Error {
  const error =
    name === "CubeTokenError"
      ? new CubeTokenError(fields.code as CubeTokenErrorCode, String(message))
      : Object.defineProperty(new Error(String(message)), "name", { value: name });
  return Object.assign(error, fields);
}

/** An event, or a snapshot: plain values and errors go over, and of all else the claims alone. */
export function packState(state: object, scrub?: (text: string) => string): object {
  const packed: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(state)) {
    if (value instanceof Error) packed[key] = packError(value, scrub);
    else if (isPlain(value) || key === "claims") packed[key] = value;
  }
  return packed;
}

export const unpackState = <T extends object>({ error, ...state }: { error?: Failure }): T =>
  Object.freeze(error ? { ...state, error: unpackError(error) } : state) as T;
