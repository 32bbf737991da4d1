import { vi } from "vitest";
import { createCubeApi } from "../../src/cube/index.js";
import { throughWorker } from "../support/isolated.js";

// Runs all tests of the wrapper in the page again, with a worker in between.
vi.doMock("../../src/cube/index.js", () => ({ createCubeApi: throughWorker(createCubeApi) }));

await import("./http.test.js");
