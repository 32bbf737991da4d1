import { failElsewhere, rest } from "../core/budget.js";
import { age, type Core, emit, set, tell } from "../core/dispatch.js";
import { live } from "../core/held.js";
import { report } from "../core/refresh.js";
import { cleared } from "../core/sign-out.js";
import { GRACE } from "./lock.js";
import { type Failed, failureOf, type News, type Sender } from "./messages.js";
import { take } from "./persistence.js";
import { SAME_TIME } from "./recall.js";
import { signOutToo, supersede } from "./remote-sign-out.js";

/** What another tab says: one refresh, one budget, one sign-out and one identity for all. */
export function hear(core: Core, news: News & Sender): void {
  if (news.identity !== core.options.identity) hearStranger(core, news);
  else hearOwn(core, news);
}

function hearOwn(core: Core, news: News & Sender): void {
  const { held, refresh } = core;
  switch (news.type) {
    case "refreshed":
      if (refresh) report(refresh, news.type);
      else takeOver(core);
      break;
    case "cleared":
      // It is said twice.
      if (news.at !== core.clearedAt) signOutToo(core, "idle", cleared(), news.at);
      break;
    case "invalidated": {
      // Of another token it counts where the own one is refused as well: they come from one source.
      if (!held || (held.draw !== news.draw && !held.refused)) break;
      set(core, { held: { ...held, refused: true } });
      shareFailure(core, news);
      if (!held.refused) emit(core, { type: "invalidated" });
      break;
    }
    case "unchanged": {
      const instant = core.clock.read();
      if (held?.draw !== news.draw || !live(core, instant.now)) break;
      set(core, rest(core, instant));
      if (refresh) report(refresh, news.type);
      break;
    }
    case "failed": {
      const error = failureOf(news);
      shareFailure(core, news);
      if (refresh) report(refresh, error);
      else {
        set(core, { error });
        emit(core, { type: "refreshfailed", error });
      }
    }
  }
}

/** Whose manager was made later has the key; the other is told. */
function hearStranger(core: Core, { type, age: theirs, at }: News & Sender): void {
  if (type === "cleared") return;
  // The message has been on its way for a while.
  const by = age(core) - theirs - Math.max(0, Date.now() - at);
  const tie = Math.abs(by) < SAME_TIME;
  // Within a few milliseconds nobody can tell: who begins only now.
  if (tie ? type === "started" && core.held : by > 0) supersede(core);
  else if (!tie) tell(core, { type: "started" });
}

/** Another tab has a token: here too, without a request. */
async function takeOver(core: Core): Promise<void> {
  const { clearedAt } = core;
  // Ended by a sign-out, and by a refresh of this tab's own.
  const goesOn = () => core.phase === "active" && core.clearedAt === clearedAt && !core.refresh;
  for (const delay of [0, GRACE]) {
    if (delay) await new Promise((resolve) => setTimeout(resolve, delay));
    const text = goesOn() ? await core.shared!.storage.read() : null;
    if (!goesOn() || !take(core, text)) continue;
    set(core, { error: undefined });
    emit(core, { type: "refreshed", from: "storage" });
    return;
  }
}

function shareFailure(core: Core, { failures, wait, retryAfter, at }: Failed & Sender): void {
  // This page may have been frozen since it was said.
  const left = wait - Math.max(0, Date.now() - at);
  set(core, failElsewhere(core, core.clock.read(), failures, left, retryAfter));
}
