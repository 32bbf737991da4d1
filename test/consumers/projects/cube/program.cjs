/** One version of Cube's client against a real Cube server: each step prints its name. */
const { createHmac } = require("node:crypto");
const { CubeTokenManager } = require("cube-token-manager");
const { createCubeApi } = require("cube-token-manager/cube");
const ws = require("@cubejs-client/ws-transport");

const { apiUrl, SECRET } = process.env;
const WebSocketTransport = ws.default ?? ws;
const query = { measures: ["Things.count"] };
const count = (resultSet) => Number(resultSet.rawData()[0]["Things.count"]);
let serial = 0;

function sign({ lifetime = 600, secret = SECRET } = {}) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const iat = Math.floor(Date.now() / 1000);
  const input = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ iat, exp: iat + lifetime, n: serial++ })}`;
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
}

function manager(...lives) {
  let requests = 0;
  const tokens = new CubeTokenManager({
    fetchToken: async () => sign(lives[Math.min(requests++, lives.length - 1)]),
  });
  return { tokens, requests: () => requests };
}

/** The first result of a subscription. */
const first = async (cubeApi) => {
  let subscription;
  const resultSet = await new Promise((resolve, reject) => {
    subscription = cubeApi.load(query, { subscribe: true }, (error, result) =>
      error ? reject(error) : resolve(result),
    );
  });
  await subscription.unsubscribe();
  return count(resultSet);
};

const steps = {
  async load() {
    const { tokens, requests } = manager();
    return [count(await createCubeApi(tokens, { apiUrl }).load(query)), requests()].join() === "2,1";
  },
  async "403 repaired"() {
    const { tokens, requests } = manager({ secret: "another-secret-of-more-than-thirty-two-chars" }, {});
    return [count(await createCubeApi(tokens, { apiUrl }).load(query)), requests()].join() === "2,2";
  },
  async "long poll"() {
    const { tokens, requests } = manager({ lifetime: 2 });
    const slow = {
      member: "Things.name",
      operator: "notEquals",
      values: [`slow-5000-${process.pid}-${Date.now()}`],
    };
    const resultSet = await createCubeApi(tokens, { apiUrl }).load({ ...query, filters: [slow] });
    const enough = requests() >= 2;
    tokens.dispose();
    return count(resultSet) === 2 && enough;
  },
  async subscribe() {
    return (await first(createCubeApi(manager().tokens, { apiUrl, pollInterval: 200 }))) === 2;
  },
  async WebSocket() {
    const { tokens, requests } = manager({ secret: "another-secret-of-more-than-thirty-two-chars" }, {});
    const url = new URL(apiUrl);
    const transport = new WebSocketTransport({ apiUrl: `ws://${url.host}/` });
    const cubeApi = createCubeApi(tokens, { apiUrl, transport });
    const seen = [count(await cubeApi.load(query)), await first(cubeApi), requests()];
    await tokens.clear();
    await transport.close();
    return seen.join() === "2,2,2";
  },
};

(async () => {
  for (const [name, step] of Object.entries(steps)) {
    let late;
    const timeout = new Promise((_, reject) => {
      late = setTimeout(reject, 30_000, new Error("not within 30 s"));
    });
    try {
      if (!(await Promise.race([step(), timeout])))
        throw new Error("other rows, or another number of token requests");
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`failed ${name}: ${error?.stack ?? JSON.stringify(error)}`);
    }
    clearTimeout(late);
  }
  // Old clients may keep something open.
  process.exit();
})();
