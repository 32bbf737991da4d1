/** A browser extension's service worker, with its own `chrome.storage`. */
import { CubeTokenManager, customStorage, isCubeTokenError, withTokens } from "cube-token-manager";
import { scenario } from "../scenario.mjs";

/* global chrome */
const { local } = chrome.storage;
const storage = {
  getItem: async (key) => (await local.get(key))[key] ?? null,
  setItem: (key, value) => local.set({ [key]: value }),
  removeItem: (key) => local.remove(key),
};

globalThis.runScenario = (world) =>
  scenario({ CubeTokenManager, customStorage, isCubeTokenError, withTokens }, { ...world, storage });
