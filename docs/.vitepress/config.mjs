import { defineConfig } from "vitepress";

const page = (text, link) => ({ text, link });

/** Code blocks in the language "mermaid" become diagrams: see theme/index.mjs. */
function drawDiagrams({ renderer: { rules } }) {
  const { fence } = rules;
  rules.fence = (tokens, index, ...rest) => {
    const { info, content } = tokens[index];
    if (info.trim() !== "mermaid") return fence(tokens, index, ...rest);
    return `<Mermaid code="${encodeURIComponent(content)}" />`;
  };
}

/** Its pages are made by scripts/docs-site.mjs from README.md, docs/ and the files beside them: npm run docs:site. */
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
  markdown: { config: drawDiagrams },
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
