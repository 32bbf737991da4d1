/* global isolated */
/** The application: a chart that polls, through a worker. */
{
  const { createIsolatedCubeApi, isolatedTokens } = isolated;
  const shared = location.search.includes("shared");
  // An application may store it where every script can reach it.
  window.worker = shared ? new SharedWorker("/cube-worker.js") : new Worker("/cube-worker.js");
  window.cubeApi = createIsolatedCubeApi(window.worker, { pollInterval: 0.2 });
  window.tokens = isolatedTokens(window.worker);
  const query = { measures: ["Things.count"] };
  window.chart = { drawn: 0, errors: [] };
  window.cubeApi.subscribe(query, {}, (error, result) => {
    if (error) window.chart.errors.push(String(error.message));
    else if (Number(result.rawData()[0]["Things.count"]) === 2) window.chart.drawn++;
  });
  /** One query beside the chart. */
  window.load = async () => Number((await window.cubeApi.load(query)).rawData()[0]["Things.count"]);
}
