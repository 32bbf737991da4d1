const { fetch } = globalThis;
// Loaded only now, for they put a stand-in for every endpoint in its place.
const { measureClients } = await import("./measure.mjs");
const { measureLoad } = await import("./load.mjs");
const { measureMemory } = await import("./memory.mjs");

const load = await measureLoad(fetch, process.env.API_URL, process.env.TOKEN);
const clients = await measureClients();
process.stdout.write(JSON.stringify({ load, clients, memory: await measureMemory() }));
process.exit();
