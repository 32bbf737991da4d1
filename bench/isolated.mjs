import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { launchChromium } from "../test/support/chromium.mjs";
import { median } from "./median.mjs";

/** Compares `load()` through a worker with the wrapper in the page: `npm run build`, then `node bench/isolated.mjs`. */
const root = fileURLToPath(new URL("..", import.meta.url));

const bundle = async (contents) => {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    write: false,
    minify: true,
    format: "iife",
    platform: "browser",
    conditions: ["import"],
    mainFields: ["module", "main"],
    alias: {
      "cube-token-manager/isolated": `${root}/dist/isolated.js`,
      "cube-token-manager/cube": `${root}/dist/cube.js`,
      "cube-token-manager": `${root}/dist/index.js`,
    },
    logLevel: "error",
  });
  return outputFiles[0].text;
};

/** A response of Cube's with about this many bytes of rows. */
const answer = (bytes) => {
  const data = [];
  for (let size = 0; size < bytes; size += 100) {
    data.push({
      "Orders.id": String(data.length),
      "Orders.status": "shipped",
      "Orders.createdAt": "2026-01-01T00:00:00.000",
      x: "x",
    });
  }
  return JSON.stringify({
    queryType: "regularQuery",
    results: [
      { query: {}, data, annotation: { measures: {}, dimensions: {}, segments: {}, timeDimensions: {} } },
    ],
  });
};

/** @param {number} latency of Cube, in ms: a query that the server has in its cache takes some. */
export async function measureIsolated({
  sizes = [1000, 100_000, 10_000_000],
  rounds = 60,
  latency = 5,
} = {}) {
  const [worker, page] = await Promise.all([
    bundle(
      'import { serveCube } from "cube-token-manager/isolated"; serveCube({ endpoint: "/token", apiUrl: "/v1" });',
    ),
    bundle(`
      import { CubeTokenManager } from "cube-token-manager";
      import { createCubeApi } from "cube-token-manager/cube";
      import { createIsolatedCubeApi } from "cube-token-manager/isolated";
      globalThis.apis = {
        page: createCubeApi(new CubeTokenManager({ endpoint: "/token" }), { apiUrl: "/v1" }),
        worker: createIsolatedCubeApi(new Worker("/worker.js")),
      };
    `),
  ]);
  const answers = new Map(sizes.map((size) => [size, answer(size)]));
  const token = `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(JSON.stringify({ exp: 4e9 })).toString("base64url")}.c2ln`;
  const server = createServer((request, response) => {
    response.setHeader("cross-origin-opener-policy", "same-origin");
    response.setHeader("cross-origin-embedder-policy", "require-corp");
    const url = new URL(request.url, "http://site");
    if (url.pathname === "/v1/load") {
      const [size] = JSON.parse(url.searchParams.get("query")).measures;
      const text = answers.get(Number(size));
      response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
      return void setTimeout(() => response.end(text), latency);
    }
    if (url.pathname === "/token") return void response.end(JSON.stringify({ token }));
    if (url.pathname.endsWith(".js")) {
      response.setHeader("content-type", "text/javascript");
      return void response.end(url.pathname === "/worker.js" ? worker : page);
    }
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>Bench</title><script src=/page.js></script>");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await launchChromium();
  const tab = await browser.newPage();
  await tab.goto(`http://localhost:${server.address().port}/`);
  const results = {};
  for (const size of sizes) {
    const times = await tab.evaluate(
      async ([size, rounds]) => {
        const times = { page: [], worker: [] };
        for (let round = 0; round < rounds + 5; round++) {
          const turn = round % 2 ? ["page", "worker"] : ["worker", "page"];
          for (const name of turn) {
            const start = performance.now();
            await globalThis.apis[name].load({ measures: [String(size)] });
            if (round >= 5) times[name].push(performance.now() - start);
          }
        }
        return times;
      },
      [size, size > 1e6 ? Math.min(rounds, 30) : rounds],
    );
    const [inPage, inWorker] = [median(times.page), median(times.worker)];
    results[size] = { page: inPage, worker: inWorker, ratio: inWorker / inPage };
  }
  await browser.close();
  server.close();
  return results;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const latency = Number(process.argv[2] ?? 5);
  console.log(`load() from a server that takes ${latency} ms, medians in ms`);
  for (const [size, { page, worker, ratio }] of Object.entries(await measureIsolated({ latency }))) {
    console.log(
      `${size.padStart(9)} bytes  page ${page.toFixed(2)}  worker ${worker.toFixed(2)}  × ${ratio.toFixed(3)}`,
    );
  }
}
