import { defineConfig } from "vitest/config";

/** The unit tests alone, for Stryker: what kills a mutant must not need a server or a browser. */
export default defineConfig({
  test: {
    include: ["test/unit/**/*.test.ts"],
    environment: "happy-dom",
    setupFiles: ["test/support/setup.ts"],
  },
});
