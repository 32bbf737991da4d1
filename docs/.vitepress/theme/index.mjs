import { useData } from "vitepress";
import DefaultTheme from "vitepress/theme";
import { defineComponent, h, onMounted, ref, watch } from "vue";
import "./diagrams.css";

let ids = 0;

/** A diagram, drawn in the browser as on GitHub. Without scripts, or if it cannot be drawn, its source stays. */
const Mermaid = defineComponent({
  props: { code: { type: String, required: true } },
  setup(props) {
    const { isDark } = useData();
    const source = decodeURIComponent(props.code);
    const svg = ref("");
    const draw = async () => {
      const { default: mermaid } = await import("mermaid");
      mermaid.initialize({ startOnLoad: false, theme: isDark.value ? "dark" : "default" });
      svg.value = (await mermaid.render(`diagram-${++ids}`, source)).svg;
    };
    onMounted(() => watch(isDark, draw, { immediate: true }));
    return () => (svg.value ? h("div", { class: "diagram", innerHTML: svg.value }) : h("pre", source));
  },
});

export default {
  extends: DefaultTheme,
  enhanceApp: ({ app }) => app.component("Mermaid", Mermaid),
};
