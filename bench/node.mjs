const { fetch } = globalThis;
// Loaded only now, because they replace the global fetch with a stand-in for every endpoint.
const { measureClients } = await import("./measure.mjs");
const { measureLoad } = await import("./load.mjs");
const { measureMemory } = await import("./memory.mjs");

const load = await measureLoad(fetch, process.env.API_URL, process.env.TOKEN);
const clients = await measureClients();
process.stdout.write(JSON.stringify({ load, clients, memory: await measureMemory() }));
process.exit();
