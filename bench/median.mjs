export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** The mean of the middle half: finer than a median where the clock is coarse. */
export function middle(values) {
  const half = values.toSorted((a, b) => a - b).slice(values.length / 4, (3 * values.length) / 4);
  return half.reduce((sum, value) => sum + value, 0) / half.length;
}
