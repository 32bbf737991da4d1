import type { TokenSnapshot } from "../types.js";

/** A local clock that is off by more than this is corrected by the token's `iat`, a guess too rough for smaller errors. */
const FAR_OFF = 30_000;

/**
 * Returns the instant nearest to `now` at which the token has this status, which the manager decides on the server's
 * clock. The instant is never before the token was issued.
 */
function bound({ status, refreshAt = Infinity, expiresAt = Infinity, claims }: TokenSnapshot, now: number) {
  if (status !== "fresh" && status !== "stale") return now;
  const from = status === "stale" && refreshAt < Infinity ? refreshAt : Number(claims?.iat) * 1000 || now;
  const until = status === "stale" ? expiresAt : refreshAt;
  return Math.min(Math.max(now, from), until);
}

/** Estimates the server's time from snapshots: `expiresAt` and `refreshAt` are on its clock, and the local one may be wrong. */
export function createServerTime(): (snapshot: TokenSnapshot, local: number) => number {
  let offset = 0;
  let claims: TokenSnapshot["claims"];
  let seenAt = 0;
  return (snapshot, local) => {
    if (snapshot.claims !== claims) {
      ({ claims } = snapshot);
      seenAt = local;
    }
    const error = Math.abs(bound(snapshot, local + offset) - local - offset);
    if (error > FAR_OFF && typeof claims?.iat === "number") offset = claims.iat * 1000 - seenAt;
    const now = bound(snapshot, local + offset);
    offset = now - local;
    return now;
  };
}
