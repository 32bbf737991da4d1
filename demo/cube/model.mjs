/** The data model. `queryRewrite` in server.mjs filters it by the company of the token. */
export const model = `
cube("Orders", {
  sql_table: "orders",
  measures: {
    count: { type: "count" },
    revenue: { sql: "amount", type: "sum", format: "currency" },
  },
  dimensions: {
    id: { sql: "id", type: "number", primary_key: true },
    company: { sql: "company", type: "string" },
    status: { sql: "status", type: "string" },
    createdAt: { sql: "created_at", type: "time" },
  },
});
`;
