export interface Lap {
  readonly wall: number;
  readonly mono: number;
  /** The larger of the two: the monotonic clock stops while some machines sleep, the wall clock may be set back. */
  readonly longest: number;
}

/** @returns a function that returns the ms elapsed since then, by the wall clock and by the monotonic one. */
export function stopwatch(): () => Lap {
  const wall0 = Date.now();
  const mono0 = performance.now();
  return () => {
    const wall = Date.now() - wall0;
    const mono = performance.now() - mono0;
    return { wall, mono, longest: Math.max(wall, mono) };
  };
}
