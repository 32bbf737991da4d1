/** Bundles for React Native's JavaScript engine, with package.json's exports (Metro 0.82 and later) and without. */

import { getDefaultConfig, mergeConfig } from "@react-native/metro-config";
import { runBuild } from "metro";

const exports = process.argv[2] === "exports";
const config = mergeConfig(await getDefaultConfig(import.meta.dirname), {
  projectRoot: import.meta.dirname,
  watchFolders: [import.meta.dirname],
  cacheStores: [],
  resolver: { unstable_enablePackageExports: exports },
  serializer: { getPolyfills: () => [], getModulesRunBeforeMainModule: () => [] },
  reporter: { update() {} },
});
await runBuild(config, {
  entry: "index.js",
  platform: "ios",
  dev: false,
  minify: false,
  out: `dist/${exports ? "exports" : "folders"}.js`,
});
