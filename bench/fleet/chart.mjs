import * as echarts from "echarts";
import { DURATION, OUTAGE } from "./fleet.mjs";

/** Seconds per point. A point shows the highest request rate within them, so that no spike is lost. */
const STEP = 10;

const points = (perSecond) =>
  Array.from({ length: DURATION / STEP }, (_, index) => [
    (index * STEP) / 60,
    Math.max(1, ...perSecond.subarray(index * STEP, (index + 1) * STEP)),
  ]);

/**
 * Draws requests per second over time as SVG: one panel without the outage and one with it.
 *
 * @param {{ title: string, ours: { perSecond: Uint32Array }, fixed: { perSecond: Uint32Array } }[]} panels
 */
export function draw(panels) {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: 900, height: 640 });
  const each = (make) => panels.map((panel, index) => make(panel, index));
  chart.setOption({
    animation: false,
    backgroundColor: "#fff",
    color: ["#c0c4cc", "#5b5bd6"],
    legend: { top: 8, itemGap: 60, data: ["fixed margin of 60 s", "cube-token-manager"] },
    title: each(({ title }, index) => ({
      text: title,
      left: 85,
      top: 36 + index * 300,
      textStyle: { fontSize: 14, fontWeight: "normal" },
    })),
    grid: each((_, index) => ({ left: 90, right: 20, top: 70 + index * 300, height: 200 })),
    xAxis: each((_, index) => ({
      gridIndex: index,
      type: "value",
      max: DURATION / 60,
      interval: 15,
      name: index ? "minutes" : "",
      nameLocation: "middle",
      nameGap: 28,
    })),
    yAxis: each((_, index) => ({
      gridIndex: index,
      type: "log",
      min: 10,
      name: "requests per second (logarithmic)",
      nameLocation: "middle",
      nameGap: 60,
    })),
    series: panels.flatMap(({ ours, fixed, outage }, index) =>
      [
        ["fixed margin of 60 s", fixed],
        ["cube-token-manager", ours],
      ].map(([name, { perSecond }], order) => ({
        name,
        type: "line",
        xAxisIndex: index,
        yAxisIndex: index,
        showSymbol: false,
        lineStyle: { width: order ? 2 : 1 },
        data: points(perSecond),
        ...(outage &&
          order && {
            markArea: {
              itemStyle: { color: "rgba(229, 72, 77, 0.12)" },
              label: { position: "insideTop", color: "#c62a2f" },
              data: [[{ name: "outage", xAxis: OUTAGE.from / 60 }, { xAxis: OUTAGE.to / 60 }]],
            },
          }),
      })),
    ),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
