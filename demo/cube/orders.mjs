/** The two companies whose users sign in. */
export const companies = ["Acme Bikes", "Globex Coffee"];

/** A reproducible stream of numbers between 0 and 1 (mulberry32), so that the chart is always the same. */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Makes up the orders of two years, with a trend, a season and noise. Acme peaks in summer, Globex in winter.
 *
 * @returns {{ id: number, company: string, status: string, amount: number, createdAt: string }[]}
 */
export function makeOrders() {
  const next = numbers(20_260_101);
  const orders = [];
  const start = Date.UTC(2024, 10, 1);
  for (let day = 0; day < 730; day++) {
    for (const [index, company] of companies.entries()) {
      const season = Math.cos((day / 365) * 2 * Math.PI) * (index === 0 ? -1 : 1);
      const expected = (index === 0 ? 4 : 7) * (1 + day / 1460) * (1 + season / 2);
      const count = Math.round(expected * (0.5 + next()));
      for (let n = 0; n < count; n++) {
        orders.push({
          id: orders.length + 1,
          company,
          status: next() < 0.9 ? "completed" : "returned",
          amount: Math.round((index === 0 ? 18_000 : 2400) * (0.3 + next() * 1.7)) / 100,
          createdAt: new Date(start + day * 86_400_000 + Math.floor(next() * 86_400_000))
            .toISOString()
            .slice(0, 19),
        });
      }
    }
  }
  return orders;
}
