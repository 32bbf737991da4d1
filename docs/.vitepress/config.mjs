import { defineConfig } from "vitepress";

const page = (text, link) => ({ text, link });

/** Its pages are made by scripts/docs-site.mjs from README.md, docs/ and their neighbours: npm run docs:site. */
export default defineConfig({
  title: "cube-token-manager",
  description: "Keeps a valid JWT ready for every Cube query.",
  lang: "en",
  base: process.env.DOCS_BASE ?? "/",
  srcDir: ".site",
  outDir: "../build/site",
  cacheDir: "../build/site-cache",
  ignoreDeadLinks: false,
  lastUpdated: false,
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    socialLinks: [{ icon: "github", link: "https://github.com/cube-token-manager/cube-token-manager" }],
    nav: [
      page("Guide", "/"),
      page("Reference", "/reference"),
      page("Troubleshooting", "/troubleshooting"),
      page("Changelog", "/changelog"),
    ],
    sidebar: [
      {
        text: "Guide",
        items: [
          page("Getting started", "/"),
          page("Recipes", "/recipes"),
          page("Frameworks", "/frameworks"),
          page("Servers", "/server"),
          page("Embedded pages", "/embedding"),
          page("A worker that keeps the token", "/isolated"),
          page("Testing", "/testing"),
          page("Migration", "/migration"),
          page("Troubleshooting", "/troubleshooting"),
          page("Security", "/security"),
          page("Threats", "/threats"),
        ],
      },
      {
        text: "Reference",
        items: [
          page("Options, members, events", "/reference"),
          page("API", "/api/"),
          page("Cube's transports", "/cube"),
          page("Lifecycle rules", "/rules"),
          page("Compatibility", "/compatibility"),
        ],
      },
      {
        text: "Behind it",
        items: [
          page("How it works", "/how-it-works"),
          page("Benchmarks", "/benchmarks"),
          page("A fleet of clients", "/fleet"),
          page("Size", "/size"),
          page("Contributing", "/contributing"),
          page("Security policy", "/security-policy"),
          page("Changelog", "/changelog"),
        ],
      },
    ],
  },
});
