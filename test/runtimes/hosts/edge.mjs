/** Vercel's edge-runtime, and React Native's globals: everything in one script without modules. */
import { CubeTokenManager, customStorage, isCubeTokenError, withTokens } from "cube-token-manager";
import { scenario } from "../scenario.mjs";

globalThis.runScenario = (world) =>
  scenario({ CubeTokenManager, customStorage, isCubeTokenError, withTokens }, world);
