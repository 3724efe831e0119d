// What went through: tiles, the table with its traffic, decisions and money over time, models, times.

import { columns, key, spreads } from "./charts.js";
import { byId, empty, h, show } from "./dom.js";
import { count, duration, percent, plural, usd, words } from "./format.js";

const BANDS = ["easy", "medium", "hard", "expert"];

const STAGES = [
  ["queue", "waiting", "Waiting for the classifier"],
  ["classify", "labelling", "Being labelled"],
  ["overhead", "until decided", "From the arrival of the request to the decision, waiting and labelling included"],
  ["first_token", "first token", "From calling the model to the first bytes of its reply"],
  ["total", "whole request", "From the arrival of the request to the last byte of the reply"],
];

/** Models in the order of their price, cheapest first, so that colours say how dear a model is. */
export function order(models) {
  const price = (model) => (model.price ? model.price.input + model.price.output : Number.MAX_VALUE);
  return Object.entries(models)
    .sort(([a, one], [b, other]) => price(one) - price(other) || a.localeCompare(b))
    .map(([name]) => name);
}

/** The class that gives a model its colour. */
export function colour(names, model) {
  const place = names.indexOf(model);
  if (place < 0) return "m-other";
  return `m${names.length === 1 ? 0 : Math.round((place * 6) / (names.length - 1))}`;
}

/** The six figures at the top. */
export function tiles(view) {
  const { decisions, abstained, money, times, ends, errors, series, named, now } = view;
  // What is in memory is no older than the process.
  const since_us = view.source === "memory" ? Math.max(view.since_us, now.started_us) : view.since_us;
  const minutes = Math.max(view.until_us - since_us, 1e6) / 60e6;
  const passed = named.reduce((sum, model) => sum + model.requests, 0);
  const spentNamed = named.reduce((sum, model) => sum + model.spent_usd, 0);
  const busy = series.filter((step) => step.decisions > 0).length;
  const saved = money.baseline_usd - money.spent_usd;
  const failed = (ends.cut ?? 0) + (ends.failed ?? 0);
  const calls = errors.reduce((sum, error) => sum + error.count, 0);
  const allEnded = Object.values(ends).reduce((sum, number) => sum + number, 0);
  const moneyKnown = money.baseline && money.priced > 0;
  const list = [
    ["decisions", count(decisions), [busy ? `${(decisions / minutes).toFixed(decisions / minutes < 10 ? 1 : 0)} a minute` : "none yet", passed ? `${plural(passed, "request")} named a model` : ""].filter(Boolean).join("; ")],
    [
      moneyKnown && saved < 0 ? "dearer" : "saved",
      moneyKnown ? usd(Math.abs(saved)) : "–",
      moneyKnown ? [money.baseline_usd > 0 ? `${percent(Math.abs(saved) / money.baseline_usd)} of` : "than", `${money.baseline} for everything`].join(" ") : "no replies with a price",
      moneyKnown && saved >= 0 ? "good" : "",
    ],
    ["spent", moneyKnown ? usd(money.spent_usd) : "–", [moneyKnown ? `for ${plural(money.priced, "reply", "replies")}` : "", spentNamed > 0 ? `${usd(spentNamed)} more where a model was named` : ""].filter(Boolean).join("; ")],
    ["added by routing", times.overhead.count ? duration(times.overhead.p50_us) : "–", times.overhead.count ? `p95 ${duration(times.overhead.p95_us)}` : ""],
    ["abstained", decisions ? percent(abstained / decisions) : "–", plural(abstained, "prompt")],
    ["failed", allEnded ? percent(failed / allEnded) : "–", `${plural(failed, "request")}, ${plural(calls, "failed call")}`, failed > 0 ? "bad" : ""],
  ];
  show(
    byId("tiles"),
    list.map(([name, value, about, kind]) =>
      h("li", { class: `tile ${kind ?? ""}` }, h("span", { class: "name" }, name), h("b", null, value), h("span", { class: "quiet" }, about || "\u00a0")),
    ),
  );
}

/** Decisions of a window by cell: `task.band` or `unsure`. */
function byCell(view) {
  const sums = new Map();
  for (const cell of view?.cells ?? []) {
    const name = cell.task ? `${cell.task}.${cell.band}` : "unsure";
    sums.set(name, (sums.get(name) ?? 0) + cell.decisions);
  }
  return sums;
}

/** The table, cell by cell, with traffic; `lit` is the cell that the tried prompt falls in. */
export function matrix(table, view, lit) {
  if (!table) return;
  const names = order(table.models);
  const sums = byCell(view);
  const most = Math.max(1, ...sums.values());
  const cell = (name, answer, span) => {
    const number = sums.get(name) ?? 0;
    const isLit = lit === name;
    const chance = answer.success === undefined ? "" : ` (chance ${answer.success.toFixed(2)})`;
    const title = `${name} → ${[answer.model, ...answer.fallbacks].join(", then ")}${chance}, by row ${answer.rule}: ${plural(number, "prompt")}`;
    return h(
      "td",
      {
        class: `cell ${colour(names, answer.model)}${isLit ? " lit" : ""}${answer.rule === "default" ? " default" : ""}`,
        colspan: span,
        title,
        "aria-current": isLit ? "true" : undefined,
        style: { "--share": number === 0 ? "0" : (0.15 + 0.85 * Math.sqrt(number / most)).toFixed(3) },
      },
      h("span", { class: "model" }, answer.model),
      h("span", { class: "number" }, number ? count(number) : "·"),
    );
  };
  const groups = new Map();
  for (const row of table.matrix.tasks) {
    const group = row.group ?? "";
    groups.set(group, [...(groups.get(group) ?? []), row]);
  }
  const bodies = [...groups].map(([group, rows]) =>
    h(
      "tbody",
      null,
      rows.map((row, index) =>
        h(
          "tr",
          null,
          index === 0 ? h("th", { class: "group", scope: "rowgroup", rowspan: rows.length }, group) : null,
          h("th", { scope: "row" }, words(row.task)),
          row.cells.map((answer) => cell(`${row.task}.${answer.band}`, answer)),
        ),
      ),
    ),
  );
  const unsure = h("tbody", null, h("tr", null, h("th", { class: "group" }), h("th", { scope: "row" }, "unsure"), cell("unsure", table.matrix.unsure, BANDS.length)));
  const head = h("thead", null, h("tr", null, h("td"), h("th", { scope: "col" }, "task"), BANDS.map((band) => h("th", { scope: "col" }, band))));
  show(byId("matrix"), h("caption", { class: "unseen" }, `Table ${table.matrix.table}: the model for each task and band`), head, bodies, unsure);
  show(byId("legend"), names.map((name) => h("li", null, key(colour(names, name), `${name}`), h("span", { class: "quiet" }, ` ${table.models[name].use}`))));
}

/** Decisions and money over time. */
export function flows(view) {
  const span_us = view.until_us - view.since_us;
  const parts = [
    { class: "sure", name: "labelled", of: (step) => step.decisions - step.abstained },
    { class: "unsure", name: "abstained", of: (step) => step.abstained },
  ];
  const passed = view.named.reduce((sum, model) => sum + model.requests, 0);
  if (passed > 0) parts.push({ class: "passed", name: "named a model", of: (step) => step.named });
  show(byId("flow-sum"), plural(view.decisions, "decision"), passed ? `, ${plural(passed, "request")} that named a model` : null);
  show(byId("flow"), columns({ steps: view.series, span_us, parts, format: count, label: `Decisions over time, ${view.decisions} in all` }));
  money(view, span_us);
}

function money(view, span_us) {
  const { money, savings } = view;
  if (!money.baseline || money.priced === 0) {
    const why = money.baseline ? "No reply with a price yet." : "No model of the table has a price: add price = { input = …, output = … } in [models].";
    show(byId("money-sum"));
    show(byId("money"), empty(why));
    show(byId("mix"));
    return;
  }
  show(byId("money-sum"), `${usd(money.spent_usd)} of ${usd(money.baseline_usd)}`);
  const parts = [{ class: "spent", name: "spent", of: (step) => step.spent_usd }];
  const behind = { class: "would", name: `${money.baseline} for everything`, of: (step) => step.baseline_usd };
  show(byId("money"), columns({ steps: view.series, span_us, parts, behind, format: usd, label: `Money over time: ${usd(money.spent_usd)} spent, ${usd(money.baseline_usd)} with ${money.baseline}` }));
  const leftOut = money.without_price + money.without_tokens;
  const said = [];
  if (money.baseline_reason === "ablest") said.push(`Compared with ${money.baseline}, the ablest model with a price.`);
  if (money.baseline_reason === "dearest") said.push(`Compared with ${money.baseline}, the dearest model: the abilities of all are not known.`);
  if (money.mix) {
    // No mix costs more than the baseline alone, or less than the cheapest model.
    const [least, most] = [money.mix.cheap_usd, money.baseline_usd];
    const costs = money.spent_usd > most * (1 + 1e-9) ? "costs less" : money.spent_usd < least * (1 - 1e-9) ? "costs more" : "costs the same";
    said.push(`A coin that sends ${percent(money.mix.share_baseline)} to ${money.baseline} and the rest to ${money.mix.cheap} ${costs}.`);
  }
  const mix = savings?.mix;
  if (mix && mix.success !== null && mix.routed_success !== null) {
    said.push(`Good answers expected: routing ${percent(mix.routed_success)}, that coin ${percent(mix.success)}, ${mix.dear} alone ${percent(mix.baseline_success)}.`);
  }
  if (leftOut > 0) said.push(`${plural(leftOut, "reply", "replies")} without price or token counts left out.`);
  show(byId("mix"), said.join(" "));
}

/** What each model was given and cost. */
export function models(view, table) {
  const names = table ? order(table.models) : [];
  const passed = named(view);
  if (view.models.length === 0) return show(byId("models"), empty("No request has been routed yet."), passed);
  const rows = view.models.map((model) =>
    h(
      "tr",
      null,
      h("th", { scope: "row", title: model.target ?? "no longer in the table" }, h("i", { class: `swatch ${colour(names, model.model)}` }), model.model),
      h("td", { class: "wide" }, h("div", { class: "bar", "aria-hidden": "true" }, h("i", { class: colour(names, model.model), style: { width: `${(100 * model.chosen) / Math.max(view.decisions, 1)}%` } }))),
      h("td", null, percent(model.chosen / Math.max(view.decisions, 1), 0)),
      h("td", null, count(model.chosen)),
      h("td", null, count(model.answered)),
      h("td", null, `${count(model.input_tokens)} + ${count(model.output_tokens)}`),
      h("td", null, model.spent_usd > 0 ? usd(model.spent_usd) : "–"),
    ),
  );
  const head = h("tr", null, h("th", { scope: "col" }, "model"), h("td"), ["share", "chosen", "replies", "tokens in + out", "spent"].map((name) => h("th", { scope: "col" }, name)));
  show(byId("models"), h("table", { class: "figures" }, h("thead", null, head), h("tbody", null, rows)), passed);
}

/** Requests that named a model: passed on, and no decisions. */
function named(view) {
  if (view.named.length === 0) return null;
  const rows = view.named.map((model) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, model.model),
      h("td", null, count(model.requests)),
      h("td", { class: model.failed ? "bad" : "" }, count(model.failed)),
      h("td", null, `${count(model.input_tokens)} + ${count(model.output_tokens)}`),
      h("td", null, model.spent_usd > 0 ? usd(model.spent_usd) : "–"),
    ),
  );
  const head = h("tr", null, ["named by the client", "requests", "failed", "tokens in + out", "spent"].map((name) => h("th", { scope: "col" }, name)));
  return h("table", { class: "figures named" }, h("thead", null, head), h("tbody", null, rows));
}

/** The latency split. */
export function times(view) {
  show(byId("times"), spreads(STAGES.map(([stage, name, about]) => ({ name, about, spread: view.times[stage] }))));
}
