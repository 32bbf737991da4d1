import { measureColdStart } from "./cold-start.mjs";
import { measureClients } from "./measure.mjs";

/** What the page is asked for, one after the other. */
globalThis.measureAll = async () => ({
  coldStart: await measureColdStart(),
  clients: await measureClients(),
});
