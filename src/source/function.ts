import { stopwatch } from "../core/stopwatch.js";
import { readToken } from "../core/token.js";
import { CubeTokenError, isRetryable } from "../errors.js";
import { readShape } from "./answer.js";
import { toTokenError } from "./failure.js";
import type { Answer, Attempt, FetchTokenResult, Source, SourceContext } from "./source.js";

/** A call is given up for dead after this, or six times `requestTimeout` where that is more (ms). */
const MIN_PATIENCE = 60_000;
/** An answer that nobody had in time is kept no longer than this share of its token's lifetime. */
const KEEP = 1 / 4;

/** A call of `fetchToken`: under way, or over with an outcome that nobody has had yet. */
interface Call {
  readonly answer: Promise<Answer>;
  readonly passed: ReturnType<typeof stopwatch>;
  /** Of the refresh that began it. */
  readonly refresh: AbortSignal;
  /** How long it took, in ms. */
  took?: number;
  /** Lifetime of its token, in ms. */
  life?: number;
}

function readResult(result: FetchTokenResult): Answer {
  if (result == null) {
    throw new CubeTokenError(
      "ERR_UNAUTHENTICATED",
      `fetchToken answered ${result}: signed out. Sign in again.`,
    );
  }
  return result === "" ? { token: null } : readShape(result);
}

const fail = (thrown: unknown) =>
  toTokenError(thrown, "ERR_SOURCE", "fetchToken failed, see the cause of this error.");

/** Whether a call ended because its own attempt timed out. */
const isAborted = ({ code, cause }: CubeTokenError): boolean =>
  code === "ERR_TIMEOUT" || (cause as Error | undefined)?.name === "AbortError";

/** `expires_in` counts from the call, not from the attempt that gets its answer. */
const shorten = (answer: Answer, by: number): Answer =>
  by && answer.expiresIn && readToken(answer.token!).exp === undefined
    ? { ...answer, expiresIn: Math.max(0, answer.expiresIn - by) }
    : answer;

function lifeOf({ token, expiresIn = Infinity }: Answer): number {
  const { exp = Infinity, iat = 0 } = token ? readToken(token) : {};
  return Math.min(expiresIn, exp - iat);
}

function isDead({ passed, took, life = Infinity }: Call, timeout: number): boolean {
  const patience = Math.max(MIN_PATIENCE, 6 * timeout);
  const { longest } = passed();
  if (took === undefined) return longest > patience;
  return took > patience || longest - took > Math.min(patience, life * KEEP);
}

/**
 * A source of the application's own.
 *
 * A call that goes on past its timeout is not doubled, for that may cost the session: the use of a rotated refresh token
 * revokes it (RFC 9700 §4.14.2). The next attempt waits for the same call, and a late answer counts.
 */
export function functionSource(fetchToken: (context: SourceContext) => Promise<FetchTokenResult>): Source {
  let last: Call | undefined;

  function begin({ context, refresh }: Attempt): Call {
    const passed = stopwatch();
    const answer = (async () => readResult(await fetchToken(context)))().catch((error) => {
      throw fail(error);
    });
    const call: Call = { answer, passed, refresh };
    // It may have signed out already.
    if (!context.signal.aborted) last = call;
    const settle = (life?: number) => Object.assign(call, { took: passed().longest, life });
    answer.then(
      (got) => settle(lifeOf(got)),
      (error) => {
        settle();
        // A failure that passes is no outcome to keep. (The one of an aborted signal is among them.)
        if (last === call && isRetryable(error)) last = undefined;
      },
    );
    return call;
  }

  async function ask(attempt: Attempt): Promise<Answer> {
    const { context, timeout, refresh, force } = attempt;
    for (let mayWait = true; ; mayWait = false) {
      const old = mayWait && last && !isDead(last, timeout) ? last : undefined;
      const call = old ?? begin(attempt);
      const lag = old ? call.passed().longest : 0;
      const isTooOld = !!old && force && old.refresh !== refresh;
      try {
        const answer = await call.answer;
        if (context.signal.aborted || !(isTooOld || (mayWait && isDead(call, timeout))))
          return shorten(answer, lag);
      } catch (error) {
        // Aborted at its own timeout, a little late: that is not this attempt's failure.
        if (context.signal.aborted || !old || !(isTooOld || isAborted(error as CubeTokenError))) throw error;
      } finally {
        if (last === call && !context.signal.aborted) last = undefined;
      }
    }
  }

  return {
    ask,
    forget() {
      last = undefined;
    },
  };
}
