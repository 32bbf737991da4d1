import { failElsewhere, refused, rest } from "../core/budget.js";
import { emit, update } from "../core/dispatch.js";
import { hear } from "../core/refresh.js";
import { cleared } from "../core/sign-out.js";
import { live } from "../core/state.js";
import type { CubeTokenError } from "../errors.js";
import { age, type Connection } from "./connection.js";
import { GRACE } from "./lock.js";
import { type Failed, failureOf, type News, type Sender } from "./messages.js";
import { take } from "./persistence.js";
import { SAME_TIME } from "./recall.js";
import { signOutToo, supersede } from "./remote-sign-out.js";

/** Failures whose pause ended longer ago than this (ms) are not shared with a new tab. */
const LONG_AGO = 60_000;

/** Handles another tab's message: all tabs share one refresh, one retry budget, one sign-out and one identity. */
export function onMessage(connection: Connection, news: News & Sender): void {
  if (news.identity !== connection.core.options.identity) fromAnotherUser(connection, news);
  else fromOurUser(connection, news);
}

function fromOurUser(connection: Connection, news: News & Sender): void {
  const { core } = connection;
  const { held, refresh } = core;
  switch (news.type) {
    case "started":
      answerNewcomer(connection);
      break;
    case "failing":
      if (news.failures <= core.failures) break;
      shareFailure(connection, news);
      if (news.code && core.callAt > core.clock.elapsed()) hear(core, failureOf(news));
      break;
    case "refreshed":
      if (refresh) hear(core, news.type);
      else takeOver(connection);
      break;
    case "cleared":
      // It is sent twice: a repetition that arrives after a later sign-out is ignored, unless the clock was set back since.
      if (news.at > core.clearedAt || core.clearedAt > Date.now())
        signOutToo(connection, "tab", cleared(), news.at);
      break;
    case "invalidated": {
      // For another token it counts if this tab's token was refused as well: both come from the same source.
      if (!held || (held.draw !== news.draw && !held.refused)) break;
      if (!held.refused) update(core, refused(core, core.clock.elapsed()));
      shareFailure(connection, news);
      if (!held.refused) emit(core, { type: "invalidated" });
      break;
    }
    case "unchanged": {
      const instant = core.clock.read();
      if (held?.draw !== news.draw || !live(core, instant.now)) break;
      update(core, rest(core, instant));
      hear(core, news.type);
      break;
    }
    case "failed": {
      const error = failureOf(news);
      shareFailure(connection, news);
      if (refresh) hear(core, error);
      else {
        update(core, { error });
        emit(core, { type: "refreshfailed", error });
      }
    }
  }
}

/** Sends this tab's failures to a tab that has just started, so that it shares the pause. */
function answerNewcomer(connection: Connection): void {
  const { core } = connection;
  const { failures, retryAt, error = {} } = core;
  const wait = retryAt - core.clock.elapsed();
  if (!failures || wait < -LONG_AGO) return;
  const { code, status, retryAfter }: Partial<CubeTokenError> = error;
  connection.tell({ type: "failing", failures, wait: Math.max(0, wait), code, status, retryAfter });
}

/** The manager that was created later owns the key. If that is this one, it informs the other. */
function fromAnotherUser(connection: Connection, { type, age: theirs, at }: News & Sender): void {
  if (type === "cleared") return;
  const { core } = connection;
  // The message has been in transit for a while.
  const by = age(core) - theirs - Math.max(0, Date.now() - at);
  const tie = Math.abs(by) < SAME_TIME;
  // Within a few milliseconds the order is unknown: the manager that starts only now wins.
  if (tie ? type === "started" && core.held : by > 0) supersede(connection);
  else if (!tie) connection.tell({ type: "started" });
}

/** Takes over another tab's token, without a request. */
async function takeOver(connection: Connection): Promise<void> {
  const { core, storage } = connection;
  const { clearedAt } = core;
  // A sign-out, or a refresh of this tab's own, ends it.
  const goesOn = () => core.phase === "active" && core.clearedAt === clearedAt && !core.refresh;
  for (const delay of [0, GRACE]) {
    if (delay) await new Promise((resolve) => setTimeout(resolve, delay));
    const text = goesOn() ? await storage.read() : null;
    if (!goesOn() || !take(connection, text)) continue;
    update(core, { error: undefined });
    emit(core, { type: "refreshed", from: "storage" });
    return;
  }
}

function shareFailure({ core }: Connection, { failures, wait, retryAfter, at }: Failed & Sender): void {
  // This page may have been frozen since the message was sent.
  const left = wait - Math.max(0, Date.now() - at);
  update(core, failElsewhere(core, core.clock.read(), Math.random(), failures, left, retryAfter));
}
