import { measureColdStart } from "./cold-start.mjs";
import { measureClients } from "./measure.mjs";

/** Called from outside the page; measures one thing after the other. */
globalThis.measureAll = async () => ({
  coldStart: await measureColdStart(),
  clients: await measureClients(),
});
