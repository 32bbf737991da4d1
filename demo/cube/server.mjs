import { startBackend } from "./backend.mjs";
import { model } from "./model.mjs";
import { makeOrders } from "./orders.mjs";

/**
 * The demo's Cube backend, in its own process. Takes `PORT` and `CUBEJS_API_SECRET`; sends `{ "ready": port }` to its parent
 * once it listens.
 */
const text = (value) => `'${String(value).replaceAll("'", "''")}'`;

async function fill(driver) {
  await driver.query(
    "CREATE TABLE orders (id INTEGER, company VARCHAR, status VARCHAR, amount DECIMAL(10, 2), created_at TIMESTAMP)",
    [],
  );
  const rows = makeOrders().map(
    ({ id, company, status, amount, createdAt }) =>
      `(${id}, ${text(company)}, ${text(status)}, ${amount}, ${text(createdAt)})`,
  );
  for (let at = 0; at < rows.length; at += 1000) {
    await driver.query(`INSERT INTO orders VALUES ${rows.slice(at, at + 1000).join(",")}`, []);
  }
}

const port = await startBackend({
  apiSecret: process.env.CUBEJS_API_SECRET,
  model,
  fill,
  // Users see only the rows of their own company. A token without a company sees none.
  queryRewrite: (query, { securityContext }) => ({
    ...query,
    filters: [
      ...(query.filters ?? []),
      { member: "Orders.company", operator: "equals", values: [securityContext?.company ?? ""] },
    ],
  }),
});
process.send?.({ ready: port });
process.on("disconnect", () => process.exit(0));
