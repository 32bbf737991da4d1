import { fail, refused } from "./budget.js";
import { begin, check, skipPauses } from "./calls.js";
import { type Core, emit, update } from "./dispatch.js";
import { signOutAll } from "./sign-out.js";
import { isHidden, onWake } from "./wake.js";

/** A source that knows when the user has signed out elsewhere: `parentTokens` of the frames. */
interface SignsOut {
  onSignOut?(listener: () => void): () => void;
}

/** The first call, and the first after a sign-out. */
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
  // It may hear at once that another tab has signed out.
  peers?.open();
}

/** Looks at the clock whenever the page may have slept. @returns a function that ends it. */
const wake = (core: Core): (() => void) =>
  onWake((event) => {
    const { peers } = core;
    if (event.type === "online" && skipPauses(core)) core.run?.hurry?.();
    // In the back/forward cache no news arrives: whether somebody has signed out meanwhile, the storage says.
    const mayBeOld = (event as PageTransitionEvent).persisted && peers?.isShared() && !peers.hasFailed();
    if (mayBeOld && core.held && !core.refresh) {
      update(core, { held: undefined });
      begin(core);
    }
    if (isHidden()) return;
    check(core);
    core.changed();
  });

/** Cube refused the token that is held. */
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
