import { type Code, declared } from "./compile.js";
import { type Documented, exported } from "./tsdoc.js";

/** The application's own names that examples use without an import. */
const application = `
  import type { CubeApi, Query } from "@cubejs-client/core";
  import type * as core from "cube-token-manager";
  import type { ParentTokens } from "cube-token-manager/frames";
  import type { Port } from "cube-token-manager/isolated";
  declare global {
    interface ImportMeta {
      readonly env: { readonly DEV: boolean };
      readonly hot?: { dispose(callback: () => void): void };
    }
  }
  export declare const user: { readonly id: string; readonly tenantId: string };
  export declare const tokens: core.CubeTokenManager;
  export declare const event: core.TokenEvent;
  export declare const error: unknown;
  export declare const token: string;
  export declare const response: Response;
  export declare const request: { readonly headers: { readonly cookie?: string } };
  export declare const controller: AbortController;
  export declare const instrumentedFetch: typeof fetch;
  export declare const csrfToken: () => string;
  export declare const auth0: { getTokenSilently(options: { cacheMode: "on" | "off" }): Promise<string> };
  export declare const bridge: { readToken(signal: AbortSignal): Promise<string> };
  export declare const fetchToken: ParentTokens;
  export declare const metrics: { count(name: string): void };
  export declare const showMessage: (text: string) => void;
  export declare const banner: HTMLElement;
  export declare const spinner: HTMLElement;
  export declare const dashboard: HTMLElement;
  export declare const isSharedComputer: boolean;
  export declare const preloaded: Record<string, string>;
  export declare const mmkv: {
    getString(key: string): string | undefined;
    set(key: string, value: string): void;
    delete(key: string): void;
  };
  export declare const extensionStorage: core.CustomStorage;
  export declare const chrome: { storage: { session: {
    get(key: string): Promise<Record<string, string>>;
    set(values: Record<string, string>): Promise<void>;
    remove(key: string): Promise<void>;
  } } };
  export declare const query: Query;
  export declare const transport: core.CubeTransport;
  export declare const stream: core.CubeStream;
  export declare const cubeApi: CubeApi;
  export declare const worker: Worker;
  export declare const sharedWorker: SharedWorker;
  export declare const port: Port;
  export declare const onMessage: (event: MessageEvent) => void;
  export declare const bytes: Uint8Array<ArrayBuffer>;
`;

/** The import of each name: from the root entry if possible, as others export only the type of some. */
const imports = new Map<string, string>([
  ...[...application.matchAll(/declare const (\w+)/g)].map(
    ([, name = ""]) => [name, `import { ${name} } from "./application.js";`] as const,
  ),
  ...[...exported]
    .reverse()
    .flatMap(({ entry, symbols }) =>
      symbols.map(({ name }) => [name, `import { ${name} } from "${entry}";`] as const),
    ),
  ["CubeApi", 'import { CubeApi } from "@cubejs-client/core";'],
  ["HttpTransport", 'import { HttpTransport } from "@cubejs-client/core";'],
  ["WebSocketTransport", 'import WebSocketTransport from "@cubejs-client/ws-transport";'],
  ["CubeProvider", 'import { CubeProvider } from "@cubejs-client/react";'],
  ["useMemo", 'import { useMemo } from "react";'],
  ["AsyncStorage", 'import AsyncStorage from "@react-native-async-storage/async-storage";'],
]);

/** The examples as modules of an application, each with its imports. */
export function exampleCode(all: Documented[]): Code[] {
  const page = "TSDoc";
  const code = all.flatMap(({ name, where, examples }) =>
    examples.map((example): Code => {
      const isOwn = (name: string) =>
        declared(example).includes(name) || example.includes(`import ${name} from `);
      const used = [...imports].filter(([name]) => new RegExp(`\\b${name}\\b`).test(example) && !isOwn(name));
      // On one line, so that the compiler's line numbers fit the example.
      const text = `${used.map(([, line]) => line).join(" ")} ${example}`;
      return { page, where: `${name} (${where})`, file: undefined, text };
    }),
  );
  return [{ page, where: "what an application has", file: "application.ts", text: application }, ...code];
}
