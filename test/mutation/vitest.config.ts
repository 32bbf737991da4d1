import { defineConfig } from "vitest/config";
import { fakeSockets } from "../support/aliases.mjs";

/** The unit tests alone, for Stryker: killing a mutant must not require a server or a browser. */
export default defineConfig({
  resolve: { alias: fakeSockets },
  test: {
    server: { deps: { inline: [/ws-transport/] } },
    include: ["test/unit/**/*.test.ts"],
    environment: "happy-dom",
    setupFiles: ["test/support/setup.ts"],
    testTimeout: 30_000,
  },
});
