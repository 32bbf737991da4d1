import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { SignJWT } from "jose";
import { chromium } from "playwright-core";
import { chromiumArgs, chromiumPath } from "../test/support/chromium.mjs";
import { freePort } from "../test/support/free-port.mjs";
import { bundle } from "./bundle.mjs";
import { measureSizes } from "./size.mjs";
import { goals, page } from "./tables.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

const SECRET = "a-secret-of-more-than-thirty-two-characters";

/** Starts the demo's Cube backend, and signs a one-hour token that it accepts. */
async function startCube() {
  const child = fork(`${here}/../demo/cube/server.mjs`, {
    env: { ...process.env, PORT: String(await freePort()), CUBEJS_API_SECRET: SECRET },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const [{ ready }] = await once(child, "message");
  const token = await new SignJWT({ company: "Acme" })
    .setProtectedHeader({ alg: "HS256" })
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(SECRET));
  return { child, env: { API_URL: `http://127.0.0.1:${ready}/cubejs-api/v1`, TOKEN: token } };
}

async function inNode() {
  const cube = await startCube();
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  // Some SDKs are CommonJS and call require() at run time.
  const banner = `import { createRequire } from "node:module"; const require = createRequire(${JSON.stringify(`${here}/run.mjs`)});`;
  await writeFile(
    `${folder}/node.mjs`,
    await bundle("node.mjs", { platform: "node", banner: { js: banner } }),
  );
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", `${folder}/node.mjs`], {
    maxBuffer: 2 ** 26,
    env: { ...process.env, ...cube.env },
  });
  cube.child.kill();
  await rm(folder, { recursive: true });
  return JSON.parse(stdout);
}

async function inChromium() {
  const script = await bundle("page.mjs", { platform: "browser" });
  const server = createServer((request, response) => {
    const isScript = request.url.endsWith(".js");
    response.writeHead(200, {
      "content-type": isScript ? "text/javascript" : "text/html",
      // The clock's resolution is 5 µs in a cross-origin isolated page, 100 µs in others.
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    });
    response.end(
      isScript ? script : "<!doctype html><title>Bench</title><script type=module src=page.js></script>",
    );
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumArgs });
  const tab = await browser.newPage();
  await tab.goto(`http://localhost:${server.address().port}/`);
  await tab.waitForFunction("globalThis.measureAll");
  const results = await tab.evaluate("measureAll()");
  const version = browser.version();
  await browser.close();
  server.close();
  return { ...results, version };
}

/** Runs all benchmarks once, prints the tables and returns the goals. */
export async function bench({ write }) {
  const sizes = await measureSizes();
  const node = await inNode();
  const browser = await inChromium();
  const machine = `${cpus().length} × ${cpus()[0].model.trim()}, ${process.platform} ${process.arch}, Node ${process.versions.node}, Chromium ${browser.version}`;
  const text = page({ sizes, node, browser, machine });
  console.log(text);
  if (write) await writeFile(`${here}/../docs/benchmarks.md`, text);
  return goals({ sizes, node, browser });
}
