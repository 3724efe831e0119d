// Small drawings in SVG: columns over time, and marks on a logarithmic line.

import { h, s } from "./dom.js";
import { duration, moment } from "./format.js";

const WIDTH = 600;
const HEIGHT = 150;

/** The next round number: 1, 2 or 5 times a power of ten. */
export function roundUp(number) {
  if (!(number > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(number));
  return [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= number * 0.999);
}

/**
 * Columns over time. `parts` are functions from a step to a height, the lowest first, each with a class and a name;
 * `behind` is drawn as an outline behind them.
 */
export function columns({ steps, span_us, parts, behind, format, label }) {
  const sum = (step) => parts.reduce((total, part) => total + part.of(step), 0);
  const top = roundUp(Math.max(...steps.map((step) => Math.max(sum(step), behind ? behind.of(step) : 0)), 0));
  const width = WIDTH / steps.length;
  const y = (value) => HEIGHT - (HEIGHT * value) / top;
  const drawn = steps.flatMap((step, index) => {
    let base = 0;
    const x = index * width;
    const bars = [];
    if (behind && behind.of(step) > 0) {
      const value = behind.of(step);
      bars.push(s("rect", { class: behind.class, x: x + 0.5, y: y(value), width: width - 1, height: HEIGHT - y(value) }));
    }
    for (const part of parts) {
      const value = part.of(step);
      if (value <= 0) continue;
      const height = Math.max(y(base) - y(base + value), 1);
      bars.push(s("rect", { class: part.class, x: x + 1, y: y(base + value), width: Math.max(width - 2, 1), height }));
      base += value;
    }
    const told = [...parts, ...(behind ? [behind] : [])].map((part) => `${part.name} ${format(part.of(step))}`);
    const area = s("rect", { class: "hover", x, y: 0, width, height: HEIGHT });
    return s("g", null, s("title", null, `${moment(step.at_us, span_us)}: ${told.join(", ")}`), area, ...bars);
  });
  const lines = [0.5, 1].map((share) => s("line", { class: "grid", x1: 0, x2: WIDTH, y1: HEIGHT * (1 - share), y2: HEIGHT * (1 - share) }));
  const image = s(
    "svg",
    { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    lines,
    drawn,
    s("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
  );
  const ends = [steps[0].at_us, steps[steps.length >> 1].at_us, steps[steps.length - 1].at_us];
  return h(
    "figure",
    { class: "figure" },
    h("div", { class: "top-value quiet" }, format(top)),
    image,
    h("div", { class: "ends quiet" }, ends.map((at) => h("span", null, moment(at, span_us)))),
    h("figcaption", { class: "legend" }, [...parts, ...(behind ? [behind] : [])].map((part) => key(part.class, part.name))),
  );
}

/** An entry of a legend. */
export function key(kind, name) {
  return h("span", { class: "key" }, h("i", { class: `swatch ${kind}` }), name);
}

const SHORTEST_US = 10;

/** Where a time is on a logarithmic line that ends at `longest_us`, 0 to 1. */
function place(us, longest_us) {
  const span = Math.log10(longest_us / SHORTEST_US);
  return Math.min(1, Math.max(0, Math.log10(Math.max(us, SHORTEST_US) / SHORTEST_US) / span));
}

/** The spread of each stage on one logarithmic line: median, 95th and 99th percentile. */
export function spreads(stages) {
  const longest = Math.max(...stages.map(({ spread }) => spread.p99_us), 10_000);
  const end = 10 ** (1 + 2 * Math.ceil((Math.log10(longest) - 1) / 2));
  const left = (us) => `${100 * place(us, end)}%`;
  const rows = stages.map(({ name, about, spread }) => {
    const line = h("div", { class: "line", "aria-hidden": "true" });
    if (spread.count > 0) {
      const [from, to] = [place(spread.p50_us, end), place(spread.p99_us, end)];
      line.append(
        h("i", { class: "reach", style: { left: `${100 * from}%`, width: `${100 * (to - from)}%` } }),
        h("i", { class: "p95", style: { left: left(spread.p95_us) } }),
        h("i", { class: "p50", style: { left: left(spread.p50_us) } }),
      );
    }
    const told = [spread.p50_us, spread.p95_us, spread.p99_us].map((us) => h("td", null, spread.count > 0 ? duration(us) : "–"));
    return h("tr", { title: about }, h("th", { scope: "row" }, name), h("td", { class: "wide" }, line), ...told);
  });
  const ticks = [];
  // Every other power of ten: there is no room for all.
  for (let us = SHORTEST_US; us <= end; us *= 100) ticks.push(h("span", { style: { left: left(us) } }, duration(us)));
  const scale = h("td", { class: "wide" }, h("div", { class: "ticks quiet", "aria-hidden": "true" }, ticks));
  return h(
    "table",
    { class: "spreads" },
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "stage"), scale, ["p50", "p95", "p99"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", null, rows),
  );
}
