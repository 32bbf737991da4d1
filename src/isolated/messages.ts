import { CubeTokenError, type CubeTokenErrorCode } from "../errors.js";

/** Marks the messages that the two sides exchange before they have a private port. Other versions use another mark. */
export const HELLO = "cube-token-manager/isolated/1";

/** From the page. Params are JSON, so that only data is passed. */
export type ToWorker =
  | readonly ["send" | "stream", id: number, method: string, params: string, abortable: boolean]
  | readonly ["pull", id: number]
  /** `tells`: answer when the request has ended. */
  | readonly ["end", id: number, tells?: boolean]
  | readonly ["clear", id: number]
  | readonly ["invalidate"]
  | readonly ["ping"]
  | readonly ["bye"];

/** An answer of Cube's. Without a status, `error` is Cube's name for a failure: "network Error", "timeout", "aborted". */
export interface Answer {
  readonly status?: number | undefined;
  readonly error?: string | undefined;
  readonly body?: ArrayBuffer | string | undefined;
  /** Cube's client polls for the next answer, with a pause. */
  readonly polls: boolean;
}

/** An error as data, without its `cause`, its stack, and anything else that an application has added. */
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

/** Packs an event or a snapshot: plain values, errors and the claims, and nothing else. */
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
