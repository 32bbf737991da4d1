import { useCubeQuery } from "@cubejs-client/react";
import { useEffect } from "react";

const query = { measures: ["Things.count"], dimensions: ["Things.context"] };

/** The user for whom Cube's data model has made the rows, reloaded twice a second. */
export function Chart({ id, user }) {
  const { resultSet, error, refetch } = useCubeQuery(query);

  useEffect(() => {
    if (!user) return;
    const timer = setTimeout(refetch, 500);
    return () => clearTimeout(timer);
  });

  const rows = resultSet
    ?.rawData()
    .map((row) => `${JSON.parse(row["Things.context"]).sub} ${row["Things.count"]}`);
  return (
    <p id={id}>
      for {user ?? "nobody"}: {error ? (error.code ?? error.message) : (rows?.join() ?? "loading")}
    </p>
  );
}
