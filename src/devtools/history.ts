import type { TokenEvent } from "../types.js";
import { duration } from "./wording.js";

export const LANES = ["Refresh", "Request", "Other tab", "New token", "Failure", "State"] as const;
type Lane = (typeof LANES)[number];

/** One event: a mark on the timeline and a line in the log. */
export interface Mark {
  readonly lane: Lane;
  readonly text: string;
  /** Milliseconds since the epoch, on the local clock. */
  readonly from: number;
  /** `Infinity` while it lasts. */
  to: number;
}

const reason = ({ code, message }: { code: string; message: string }): string => `${code}: ${message}`;

const CLEARED = {
  here: "Signed out",
  tab: "Signed out in another tab",
  identity: "Another user signed in in another tab",
};

/** Returns an event's lane and text. */
function describe(event: TokenEvent, refreshing: boolean): readonly [Lane, string] {
  switch (event.type) {
    case "refreshing":
      return ["Refresh", refreshing ? "Refresh started" : "Refresh ended without a new token"];
    case "waiting":
      return ["Other tab", "Waiting for another tab's request"];
    case "requested":
      return ["Request", `Requested a token from the source, attempt ${event.attempt}`];
    case "attemptfailed": {
      const { error, attempt, retryIn } = event;
      const next = retryIn === undefined ? "" : ` (next try in ${duration(retryIn)})`;
      return ["Failure", `Attempt ${attempt} failed${next}. ${reason(error)}`];
    }
    case "refreshed":
      return event.from === "source"
        ? ["New token", "Got a new token from the source"]
        : ["Other tab", "Got a token from the storage, without a request"];
    case "refreshfailed":
      return ["Failure", `Refresh failed. ${reason(event.error)}`];
    case "stale":
      return ["State", "The token is due for a refresh"];
    case "expired":
      return ["State", "The token has expired"];
    case "invalidated":
      return ["State", "The token was rejected: the next call gets a new one"];
    case "cleared":
      return ["State", CLEARED[event.from]];
    case "storagefailed":
      return [
        "Failure",
        `The storage failed in ${event.operation} (${event.reason}): the token stays in memory`,
      ];
    default:
      return ["State", (event as TokenEvent).type];
  }
}

const LASTING = /^(refreshing|waiting|requested)$/;
/** Events that can occur during a request or a wait without ending it. */
const ASIDE = /^(stale|expired|invalidated|storagefailed)$/;

/** Ends the open marks. A refresh lasts longer than its requests and waits. */
export function settle(marks: readonly Mark[], at: number, refreshToo: boolean): void {
  for (const mark of marks) {
    if (mark.to === Infinity && (refreshToo || mark.lane !== "Refresh")) mark.to = at;
  }
}

/** Returns the mark of an event, and ends the marks that it ends. @param refreshing from the current snapshot. */
export function record(marks: readonly Mark[], event: TokenEvent, refreshing: boolean, at: number): Mark {
  const { type } = event;
  settle(ASIDE.test(type) ? [] : marks, at, !refreshing || type === "refreshing");
  const [lane, text] = describe(event, refreshing);
  return { lane, text, from: at, to: refreshing && LASTING.test(type) ? Infinity : at };
}
