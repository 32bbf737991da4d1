import type { TokenEvent } from "../types.js";
import { duration } from "./wording.js";

export const LANES = ["Refresh", "Request", "Other tab", "New token", "Failure", "State"] as const;
type Lane = (typeof LANES)[number];

/** One thing that has happened: a mark on the timeline and a line of the log. */
export interface Mark {
  readonly lane: Lane;
  readonly text: string;
  /** Milliseconds since the epoch, on the local clock. */
  readonly from: number;
  /** `Infinity` while it goes on. */
  to: number;
}

const reason = ({ code, message }: { code: string; message: string }): string => `${code}: ${message}`;

const CLEARED = {
  here: "Signed out",
  tab: "Signed out in another tab",
  identity: "Another user signed in in another tab",
};

/** What an event says, and where. */
function describe(event: TokenEvent, refreshing: boolean): readonly [Lane, string] {
  switch (event.type) {
    case "refreshing":
      return ["Refresh", refreshing ? "A refresh has begun" : "The refresh ended with nothing new"];
    case "waiting":
      return ["Other tab", "Another tab is asking: this one waits for it"];
    case "requested":
      return ["Request", `The source was asked, attempt ${event.attempt}`];
    case "attemptfailed": {
      const { error, attempt, retryIn } = event;
      const next = retryIn === undefined ? "" : ` (next try in ${duration(retryIn)})`;
      return ["Failure", `Attempt ${attempt} failed${next}. ${reason(error)}`];
    }
    case "refreshed":
      return event.from === "source"
        ? ["New token", "A new token from the source"]
        : ["Other tab", "A token read from the storage, without a request"];
    case "refreshfailed":
      return ["Failure", `The refresh failed. ${reason(event.error)}`];
    case "stale":
      return ["State", "The token is due for a refresh"];
    case "expired":
      return ["State", "The token has expired"];
    case "invalidated":
      return ["State", "The token was refused: the next call gets another"];
    case "cleared":
      return ["State", CLEARED[event.from]];
    case "storagefailed":
      return [
        "Failure",
        `The storage failed in ${event.operation} (${event.reason}): the token is kept in memory`,
      ];
    default:
      return ["State", (event as TokenEvent).type];
  }
}

const LASTING = /^(refreshing|waiting|requested)$/;
/** What can happen in the middle of a request or a wait. */
const ASIDE = /^(stale|expired|invalidated|storagefailed)$/;

/** Ends what went on. A refresh outlives its requests and waits. */
export function settle(marks: readonly Mark[], at: number, refreshToo: boolean): void {
  for (const mark of marks) {
    if (mark.to === Infinity && (refreshToo || mark.lane !== "Refresh")) mark.to = at;
  }
}

/** Adds what has happened, at the end. @param refreshing as the snapshot has it now. */
export function record(marks: readonly Mark[], event: TokenEvent, refreshing: boolean, at: number): Mark {
  const { type } = event;
  settle(ASIDE.test(type) ? [] : marks, at, !refreshing || type === "refreshing");
  const [lane, text] = describe(event, refreshing);
  return { lane, text, from: at, to: refreshing && LASTING.test(type) ? Infinity : at };
}
