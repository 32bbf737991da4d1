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
  const { peers } = core;
  update(core, { phase: "active" });
  peers?.open();
  if (core.held) peers?.store();
  const source = core.options.fetchToken as SignsOut | undefined;
  core.stopListening = source?.onSignOut?.(() => void signOutAll(core, "tab"));
  if (!core.options.autoRefresh) return;
  core.stopWaking = onWake((event) => {
    if (event.type === "online" && skipPauses(core)) core.run?.hurry?.();
    // In the back/forward cache no news arrives: whether somebody has signed out meanwhile, the storage says.
    const mayBeOld = (event as PageTransitionEvent).persisted && peers?.inTurn && !peers.failed;
    if (mayBeOld && core.held && !core.refresh) {
      update(core, { held: undefined });
      begin(core);
    }
    if (isHidden()) return;
    check(core);
    core.changed();
  });
}

/** Cube refused the token that is held. */
export function refuse(core: Core): void {
  const { draw } = core.held!;
  update(core, refused(core, core.clock.elapsed()));
  core.clock.distrust();
  const { wait, ...change } = fail(core, core.clock.read(), Math.random(), core.askedAt);
  update(core, change);
  core.peers?.tell({ type: "invalidated", draw, failures: change.failures, wait });
  emit(core, { type: "invalidated" });
}
