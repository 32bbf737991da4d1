import { fail, refused } from "./budget.js";
import { begin, check, skipPauses } from "./calls.js";
import { type Core, emit, update } from "./dispatch.js";
import { signOutAll } from "./sign-out.js";
import { isHidden, onWake } from "./wake.js";

/** A source that reports when the user has signed out elsewhere: `parentTokens()` in a frame. */
interface SignsOut {
  onSignOut?(listener: () => void): () => void;
}

/** Runs at the first call, and at the first one after a sign-out. */
export function start(core: Core): void {
  core.connect = () => {
    core.connect = undefined;
    connect(core);
    core.changed();
  };
  update(core, { phase: "active" });
  if (!core.held) return;
  core.connect();
  core.peers?.store();
}

/** Listens to the page, the source and the other tabs. */
function connect(core: Core): void {
  const { options, peers } = core;
  const source = options.fetchToken as SignsOut | undefined;
  const stopListening = source?.onSignOut?.(() => void signOutAll(core, "tab"));
  const stopWaking = options.autoRefresh ? wake(core) : undefined;
  core.disconnect = () => {
    stopWaking?.();
    stopListening?.();
  };
  // Last, because it may find at once that another tab has signed out.
  peers?.open();
}

/** Checks the clock whenever the page may have slept. @returns a function that stops this. */
const wake = (core: Core): (() => void) =>
  onWake((event) => {
    const { peers } = core;
    if (event.type === "online" && skipPauses(core)) core.run?.hurry?.();
    // A page in the back/forward cache (bfcache) misses messages; the storage shows whether the user has signed out.
    const mayBeOld = (event as PageTransitionEvent).persisted && peers?.isShared() && !peers.hasFailed();
    if (mayBeOld && core.held && !core.refresh) {
      update(core, { held: undefined });
      begin(core);
    }
    if (isHidden()) return;
    check(core);
    core.changed();
  });

/** Handles Cube's refusal of the current token. */
export function refuse(core: Core): void {
  const { draw } = core.held!;
  update(core, refused(core, core.clock.elapsed()));
  core.connect?.();
  core.clock.distrust();
  const { wait, ...change } = fail(core, core.clock.read(), Math.random(), core.askedAt);
  update(core, change);
  core.peers?.tell({ type: "invalidated", draw, failures: change.failures, wait });
  emit(core, { type: "invalidated" });
}
