/** For webpack and Rspack: two bundles with default settings. */
export default ["app", "manager"].map((name) => ({
  mode: "production",
  performance: { hints: false },
  entry: `./${name}.js`,
  output: { path: `${import.meta.dirname ?? process.cwd()}/dist`, filename: `${name}.js` },
}));
