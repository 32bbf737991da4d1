const own = "cube-token-manager";
const bare = "bare async function";
/** Not clients: the cost of the language and of reading the clock. */
const clock = "one look at the clock";
const floors = [bare, clock];
const kB = (bytes) => (bytes / 1000).toFixed(1);
const times = (ratio) => `${ratio.toFixed(2)} ×`;
const table = (head, rows) =>
  [head, head.map((_, index) => (index ? "--:" : "---")), ...rows]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n");

const fastestOther = (clients) =>
  Math.min(
    ...Object.entries(clients)
      .filter(([name, { warm }]) => name !== own && !floors.includes(name) && warm)
      .map(([, { warm }]) => warm),
  );

/** The goals of this package, with the results. */
export function goals({ sizes, node, browser }) {
  const manager = sizes["cube-token-manager, endpoint and memory"].brotli / 1000;
  const everything = sizes["cube-token-manager, everything"].brotli / 1000;
  const warm = Object.entries({ Node: node, Chromium: browser }).flatMap(([where, { clients }]) => [
    {
      goal: `warm getToken() in ${where}, times the fastest other SDK`,
      least: 2,
      is: fastestOther(clients) / clients[own].warm,
    },
    {
      goal: `warm getToken() in ${where}, times one look at the clock`,
      least: 0.9,
      is: clients[clock].warm / clients[own].warm,
    },
  ]);
  return [
    ...warm,
    {
      goal: "load() through createCubeApi, times one with a constant string",
      most: 1.02,
      is: node.load.createCubeApi / node.load.constant,
    },
    {
      goal: "first token from localStorage, times the fastest other SDK",
      most: 0.5,
      is: browser.coldStart.localStorage.manager / Math.min(...Object.values(storedBy(browser))),
    },
    { goal: "requests of 10,000 concurrent callers", most: 1, is: browser.clients[own].callers.requests },
    { goal: "kB brotli, endpoint and memory", most: 7.5, is: manager },
    { goal: "kB brotli, everything", most: 14.5, is: everything },
  ].map((entry) => ({
    ...entry,
    met: entry.is <= (entry.most ?? Infinity) && entry.is >= (entry.least ?? -Infinity),
  }));
}

/** The other SDKs' times to the first token from localStorage, in ms. */
const storedBy = ({ coldStart }) => {
  const { raw, manager, ...others } = coldStart.localStorage;
  return others;
};

export function page(results) {
  const { sizes, node, browser, machine } = results;
  const names = Object.keys(node.clients);
  const ratio = ({ clients }, name) =>
    clients[name].warm ? times(clients[bare].warm / clients[name].warm) : "–";
  const callers = ({ callers }) =>
    callers && !callers.failed
      ? [`${callers.ms.toFixed(0)} ms`, callers.requests.toLocaleString("en")]
      : ["–", "–"];
  return `# Side by side

<!-- Made by "npm run bench -- --write". -->

One run on one machine (${machine}). Only the ratios are meaningful: absolute times depend on the machine and the day. \`npm run bench -- --write\` measures again.
The versions are pinned in \`bench/package.json\`.

## The warm path

The call that returns a cached, valid token, thousands of times in a row: the median of five rounds in which all take turns,
as a share of the speed of a bare \`async () => token\`, the minimum in this language. The second line is a function that only
compares \`Date.now()\` and returns a promise: no client that checks the clock at each call can be faster.

${table(
  ["", "Chromium", "Node", "in Node, ns"],
  names.map((name) => [
    name === own ? `**${name}**` : name,
    ratio(browser, name),
    ratio(node, name),
    node.clients[name].warm?.toFixed(0) ?? "–",
  ]),
)}

–: cannot run there (${Object.entries(node.clients)
    .filter(([, { missing }]) => missing)
    .map(([name, { missing }]) => `${name} in Node: "${missing}"`)
    .join("; ")}).

\`getToken()\` of this package allocates nothing: all callers get the same promise.

## Ten thousand callers at once

All callers need a new token, and the endpoint takes 5 ms (Chromium). –: the SDK cannot request one without a sign-in.

${table(
  ["", "until all have it", "requests"],
  names
    .filter((name) => !floors.includes(name))
    .map((name) => [name === own ? `**${name}**` : name, ...callers(browser.clients[name])]),
)}

## Cold start

From \`new CubeTokenManager()\` to the first token from a storage, in Chromium, next to the raw read of that storage (the mean of the middle half of 300).

${table(
  ["", "raw read", "manager"],
  Object.entries(browser.coldStart).map(([name, { raw, manager }]) => [
    name,
    `${(raw * 1000).toFixed(0)} µs`,
    `${(manager * 1000).toFixed(0)} µs`,
  ]),
)}

The other SDKs that keep a token in localStorage, from their constructor to the first token. All take turns:

${table(
  ["", "localStorage"],
  [[`**${own}**`, browser.coldStart.localStorage.manager], ...Object.entries(storedBy(browser))].map(
    ([name, time]) => [name, `${(time * 1000).toFixed(0)} µs`],
  ),
)}

## Through Cube

One \`load()\` of \`@cubejs-client/core\` from a real Cube server on the same machine that has the answer in its cache (the
fastest case: ${node.load.constant.toFixed(1)} ms), relative to one with a constant string as the token. The second line shows the noise: the
same thing measured twice.

${table(
  ["", "median"],
  [
    ["constant string", times(1)],
    ["constant string, again", times(node.load.again / node.load.constant)],
    ["`cube(tokens.getToken, …)`", times(node.load.getToken / node.load.constant)],
    ["`createCubeApi(tokens, …)`", times(node.load.createCubeApi / node.load.constant)],
  ],
)}

## Memory

Heap of one client that holds a token, in Node.

${table(
  ["", "kB"],
  Object.entries(node.memory)
    .filter(([name]) => !floors.includes(name))
    .map(([name, bytes]) => [name === own ? `**${name}**` : name, kB(bytes)]),
)}

## Size

Minified with esbuild for browsers, dependencies included, in kB (1,000 bytes).

${table(
  ["", "minified", "brotli"],
  Object.entries(sizes).map(([name, { min, brotli }]) => [
    name.startsWith(own) ? `**${name}**` : name,
    kB(min),
    kB(brotli),
  ]),
)}

## Goals

${table(
  ["", "goal", "this run", ""],
  goals(results).map(({ goal, most, least, is, met }) => [
    goal,
    most === undefined ? `≥ ${least}` : `≤ ${most}`,
    is.toFixed(is < 10 && !Number.isInteger(is) ? 2 : 0),
    met ? "met" : "**not met**",
  ]),
)}
`;
}
