import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { build } from "esbuild";
import { Hono } from "hono";
import { deleteCookie, getSignedCookie, setSignedCookie } from "hono/cookie";
import { proxy } from "hono/proxy";
import { SignJWT } from "jose";
import { companies } from "./cube/orders.mjs";

const file = (path) => new URL(path, import.meta.url);

/** A toy sign-in: two users from two companies, without passwords. */
const users = {
  ada: { id: "ada", name: "Ada", company: companies[0] },
  grace: { id: "grace", name: "Grace", company: companies[1] },
};

const tokenTtl = Number(process.env.TOKEN_TTL ?? 20);
const secrets = { session: randomBytes(32).toString("hex"), cube: randomBytes(32).toString("hex") };

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Starts the Cube backend and waits until it listens. */
async function startCube() {
  const child = fork(file("cube/server.mjs"), {
    env: { ...process.env, PORT: String(await freePort()), CUBEJS_API_SECRET: secrets.cube },
    // Shows its errors, but not its output about the planner.
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const port = await new Promise((resolve, reject) => {
    child.once("message", ({ ready }) => resolve(ready));
    child.once("exit", (code) => reject(new Error(`The Cube backend exited with code ${code}`)));
  });
  return { child, port };
}

/** How the token endpoint behaves: "work", "fail" (503) or "hang". */
let endpoint = "work";

function makeApp(cubePort, scripts) {
  const app = new Hono();

  const currentUser = async (c) => users[await getSignedCookie(c, secrets.session, "session")];

  app.get("/session", async (c) => c.json({ user: (await currentUser(c)) ?? null, endpoint, tokenTtl }));

  app.post("/session/:user", async (c) => {
    const user = users[c.req.param("user")];
    if (!user) return c.json({ error: "No such user" }, 404);
    await setSignedCookie(c, "session", user.id, secrets.session, {
      httpOnly: true,
      sameSite: "Strict",
      path: "/",
    });
    return c.json({ user });
  });

  app.delete("/session", (c) => {
    deleteCookie(c, "session", { path: "/" });
    return c.body(null, 204);
  });

  app.post("/endpoint/:mode", (c) => {
    endpoint = c.req.param("mode");
    return c.json({ endpoint });
  });

  app.get("/auth/cubejs-token", async (c) => {
    // A hanging endpoint stops waiting when the client aborts, or when the mode changes.
    while (endpoint === "hang" && !c.req.raw.signal.aborted) await new Promise((go) => setTimeout(go, 100));
    if (endpoint === "fail") return c.json({ error: "Out of order" }, 503);
    const user = await currentUser(c);
    if (!user) return c.json({ error: "Not signed in" }, 401);
    // The payload becomes Cube's security context.
    const token = await new SignJWT({ name: user.name, company: user.company })
      .setProtectedHeader({ alg: "HS256" })
      .setSubject(user.id)
      .setIssuedAt()
      .setExpirationTime(`${tokenTtl}s`)
      .sign(new TextEncoder().encode(secrets.cube));
    return c.json({ token }, 200, { "cache-control": "no-store" });
  });

  app.all("/cubejs-api/*", (c) => {
    const { pathname, search } = new URL(c.req.url);
    return proxy(`http://127.0.0.1:${cubePort}${pathname}${search}`, c.req);
  });

  app.get("/vendor/:name", (c) => {
    const script = scripts[c.req.param("name")];
    return script ? c.body(script, 200, { "content-type": "text/javascript; charset=utf-8" }) : c.notFound();
  });

  app.use("/*", serveStatic({ root: file("public").pathname }));
  return app;
}

async function listen(app, port) {
  const server = serve({ fetch: app.fetch, port });
  await Promise.race([
    once(server, "listening"),
    once(server, "error").then(([error]) => {
      throw error;
    }),
  ]);
  return server;
}

const read = async (path) => readFile(file(path), "utf8");
/** Bundles the one entry that needs it, as an application would: it imports Cube's own client. */
const bundle = async (path) => {
  const { outputFiles } = await build({
    entryPoints: [file(path).pathname],
    bundle: true,
    write: false,
    format: "esm",
    mainFields: ["module", "main"],
  });
  return outputFiles[0].text;
};
const [cube, manager, devtools, frames, isolated, chart] = await Promise.all([
  startCube(),
  read("../dist/cube-token-manager.full.iife.js"),
  read("../dist/devtools.js"),
  read("../dist/frames.js"),
  bundle("../dist/isolated.js"),
  read("node_modules/chart.js/dist/chart.umd.min.js"),
]);

const app = makeApp(cube.port, {
  "cube-token-manager.full.iife.js": manager,
  "devtools.js": devtools,
  "frames.js": frames,
  "isolated.js": isolated,
  "chart.js": chart,
});
const server = await listen(app, Number(process.env.PORT ?? 3000)).catch((error) => {
  if (error.code !== "EADDRINUSE" || process.env.PORT) throw error;
  return listen(app, 0);
});

console.log(
  `\nThe demo is running at http://localhost:${server.address().port} (tokens expire after ${tokenTtl} s; press Ctrl-C to stop)`,
);

const end = () => {
  cube.child.kill();
  server.closeAllConnections();
  server.close(() => process.exit(0));
};
process.on("SIGINT", end);
process.on("SIGTERM", end);
cube.child.on("exit", (code) => {
  if (code) {
    console.error(`The Cube backend exited with code ${code}`);
    process.exit(1);
  }
});
