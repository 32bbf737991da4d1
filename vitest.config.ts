import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { fakeSockets } from "./test/support/aliases.mjs";

/** Real servers and real time want a machine that is not busy with the units. */
const afterTheUnits = { sequence: { groupOrder: 1 } };
/** What keeps all processors busy by itself would make those miss their time. */
const alone = { sequence: { groupOrder: 2 } };

/** On a fresh clone Vitest takes the largest files first; of ours some of the smallest run longest. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) =>
      [
        /(webkit-.*|demo|simulation|mutations|half-open|websocket.*)\.test\.ts$/,
        /-(tabs|pages)\.test\.ts$/,
        /./,
      ].findIndex((names) => names.test(moduleId));
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

const LONG = ["{firefox,webkit}-{sessions,frames,twenty-tabs}", "isolated-{firefox,webkit}"].map(
  (name) => `test/browser/${name}.test.ts`,
);

/** The same tests with the React of this package's devDependencies, and with one from test/react-18. */
const react = (major: 18 | 19) => ({
  ...(major === 18 && {
    resolve: {
      alias: Object.fromEntries(
        ["react", "react-dom", "@testing-library/react", "@cubejs-client/react"].map((name) => [
          name,
          `${import.meta.dirname}/test/react-18/node_modules/${name}`,
        ]),
      ),
    },
  }),
  test: {
    name: `react-${major}`,
    include: ["test/react/**/*.test.tsx"],
    environment: "happy-dom",
    setupFiles: ["test/support/setup.ts"],
    provide: { react: String(major) },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    ...afterTheUnits,
  },
});

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    // An identity provider's reminders to configure it for production.
    onConsoleLog: (log) => !log.includes("oidc-provider"),
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["text", "json-summary"],
      thresholds: { lines: 95, branches: 95, functions: 95, statements: 95 },
    },
    projects: [
      {
        // Cube's own WebSocketTransport, on a socket that a test scripts.
        resolve: { alias: fakeSockets },
        test: {
          name: "unit",
          server: { deps: { inline: [/ws-transport/] } },
          include: ["test/unit/**/*.test.ts"],
          environment: "happy-dom",
          setupFiles: ["test/support/setup.ts"],
        },
      },
      {
        test: {
          name: "types",
          include: [],
          typecheck: { enabled: true, only: true, include: ["test/types/**/*.test-d.ts"] },
        },
      },
      {
        test: {
          name: "package",
          include: ["test/package/**/*.test.ts"],
          environment: "node",
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: "consumers",
          include: ["test/consumers/**/*.test.ts", "test/runtimes/**/*.test.ts"],
          environment: "node",
          // The first time they are installed.
          testTimeout: 600_000,
          hookTimeout: 60_000,
          ...afterTheUnits,
        },
      },
      {
        test: {
          name: "cube",
          include: ["test/cube/**/*.test.{ts,tsx}", "test/doctor/**/*.test.ts"],
          environment: "node",
          setupFiles: ["test/support/setup.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...afterTheUnits,
        },
      },
      {
        test: {
          name: "simulation",
          include: ["test/simulation/**/*.test.ts"],
          environment: "node",
          // Of low priority in "npm test".
          testTimeout: 900_000,
          ...alone,
        },
      },
      {
        test: {
          name: "docs",
          include: ["test/docs/**/*.test.ts"],
          environment: "node",
          testTimeout: 120_000,
          hookTimeout: 60_000,
          ...alone,
        },
      },
      {
        test: {
          name: "fuzz",
          include: ["test/fuzz/**/*.test.ts"],
          environment: "node",
          // Of low priority in "npm test".
          testTimeout: 900_000,
          ...alone,
        },
      },
      react(19),
      react(18),
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          // "npm test -- --all", as in CI, also has those that take longest in the other two engines.
          exclude: process.env.ALL_SCENARIOS ? [] : LONG,
          environment: "node",
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
