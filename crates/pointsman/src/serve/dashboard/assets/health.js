// What is not as it should be: errors, breakers, abstentions, drift.

import { byId, empty, h, show } from "./dom.js";
import { count, lasting, percent, plural, words } from "./format.js";

/** Calls that failed, and models that are left alone. */
export function errors(view) {
  const { breakers } = view.now;
  const parts = [];
  for (const breaker of breakers) {
    const state = breaker.open ? (breaker.for_ms < 1000 ? "left alone, to be tried again now" : `left alone for ${lasting(breaker.for_ms / 1000)}`) : plural(breaker.failures, "failure in a row", "failures in a row");
    parts.push(h("p", { class: `breaker ${breaker.open ? "open" : ""}` }, h("i", { class: "dot", "aria-hidden": "true" }), h("b", null, breaker.target), h("span", { class: "quiet" }, state)));
  }
  if (breakers.length === 0) parts.push(h("p", { class: "fine" }, h("i", { class: "dot", "aria-hidden": "true" }), "No model is left alone."));
  if (view.errors.length === 0) {
    parts.push(empty("No call has failed."));
  } else {
    const rows = [...view.errors].sort((a, b) => b.count - a.count).map((error) =>
      h("tr", null, h("th", { scope: "row" }, error.provider), h("td", { class: "text" }, words(error.kind)), h("td", null, count(error.count))),
    );
    const head = h("tr", null, h("th", { scope: "col" }, "provider"), h("th", { class: "text", scope: "col" }, "failure"), h("th", { scope: "col" }, "calls"));
    parts.push(h("table", { class: "figures" }, h("thead", null, head), h("tbody", null, rows)));
  }
  show(byId("errors"), parts);
}

/** Why prompts got no reliable labels. */
export function abstentions(view) {
  const reasons = new Map();
  for (const cell of view.cells) {
    if (cell.abstained) reasons.set(cell.abstained, (reasons.get(cell.abstained) ?? 0) + cell.decisions);
  }
  if (reasons.size === 0) {
    const said = view.decisions ? "Every prompt was labelled." : "No prompt has come yet.";
    return show(byId("abstained"), empty(said));
  }
  const most = Math.max(...reasons.values());
  const rows = [...reasons].sort((a, b) => b[1] - a[1]).map(([reason, number]) =>
    h(
      "li",
      null,
      h("span", null, words(reason)),
      h("span", { class: "quiet" }, `${count(number)} · ${percent(number / view.decisions)}`),
      h("div", { class: "bar", "aria-hidden": "true" }, h("i", { class: "unsure", style: { width: `${(100 * number) / most}%` } })),
    ),
  );
  show(byId("abstained"), h("p", { class: "note" }, "These take the row ", h("code", null, "unsure"), "."), h("ul", { class: "bars" }, rows));
}

const WORTH_A_LOOK_BITS = 0.05;

function verdict(name, divergence) {
  const { bits, by_chance_bits } = divergence;
  const isHigh = bits > WORTH_A_LOOK_BITS && bits > 3 * by_chance_bits;
  return h(
    "p",
    { class: isHigh ? "breaker open" : "fine" },
    h("i", { class: "dot", "aria-hidden": "true" }),
    h("span", null, `${name}: ${bits.toFixed(3)} bits`),
    h("span", { class: "quiet" }, `${by_chance_bits.toFixed(3)} by chance`),
  );
}

/** The labels of the last hour beside those of before. */
export function drift(view) {
  const { recent, before, task, band, shares } = view.now.drift;
  const parts = [];
  if (task && band) {
    parts.push(verdict("tasks", task), verdict("bands", band));
  } else {
    parts.push(empty("Not known yet: 100 prompts of the last hour are compared with 100 of the seven days before."));
  }
  parts.push(h("p", { class: "note" }, `${plural(recent, "prompt")} of the last hour, ${count(before)} before`));
  const shown = [...shares].sort((a, b) => Math.abs(b.recent - b.before) - Math.abs(a.recent - a.before)).slice(0, 6);
  const most = Math.max(0.01, ...shown.flatMap((share) => [share.recent, share.before]));
  if (recent > 0 && before > 0) {
    const rows = shown.map((share) =>
      h(
        "li",
        null,
        h("span", null, words(share.label)),
        h("span", { class: "quiet" }, `${percent(share.before, 0)} → ${percent(share.recent, 0)}`),
        h(
          "div",
          { class: "bar pair", "aria-hidden": "true" },
          h("i", { class: "before", style: { width: `${(100 * share.before) / most}%` } }),
          h("i", { class: "sure", style: { width: `${(100 * share.recent) / most}%` } }),
        ),
      ),
    );
    parts.push(h("ul", { class: "bars" }, rows));
  }
  show(byId("drift"), parts);
}
