import { vi } from "vitest";
import { createCubeApi } from "../../src/cube/index.js";
import { throughWorker } from "../support/isolated.js";

// All that is asked of the wrapper in the page is asked of it once more with a worker in between.
vi.doMock("../../src/cube/index.js", () => ({ createCubeApi: throughWorker(createCubeApi) }));

await import("./websocket.test.js");
