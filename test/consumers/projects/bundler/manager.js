import { CubeTokenManager } from "cube-token-manager";

globalThis.tokens = new CubeTokenManager({ endpoint: "/token" });
