export default {
  build: {
    outDir: "dist-manager",
    modulePreload: false,
    rollupOptions: { input: "manager.js", output: { entryFileNames: "manager.js" } },
  },
};
