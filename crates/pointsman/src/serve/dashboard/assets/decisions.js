// Decisions one by one, and why each came out as it did.

import { byId, empty, h, show } from "./dom.js";
import { count, duration, percent, second, usd, words } from "./format.js";

const LISTED = 50;

const list = byId("decisions");
const known = new Map();

/** Brings the list up to date without moving what is there, so that an open or focused entry stays. */
export function update(decided, named) {
  const records = [...decided, ...named].sort((a, b) => b.time_us - a.time_us);
  if (records.length === 0 && known.size === 0) return show(list, h("li", null, empty("No request has been routed yet. Ask for model \u201cauto\u201d, or try a prompt above.")));
  if (known.size === 0) show(list);
  for (const record of [...records].reverse()) {
    const entry = known.get(record.id);
    if (!entry) {
      const added = record.decision ? make(record) : makeNamed(record);
      known.set(record.id, added);
      list.prepend(added.item);
    } else if (!entry.ended && record.answered) {
      entry.ended = true;
      show(entry.end, ended(record));
    }
  }
  const shown = [...list.children];
  for (const item of shown.slice(LISTED)) {
    if (item.contains(document.activeElement) || item.querySelector("[aria-expanded=true]")) continue;
    known.delete(item.dataset.id);
    item.remove();
  }
}

function make(record) {
  const { labels, decision } = record;
  const detail = h("div", { class: "detail", id: `d-${record.id}`, hidden: true });
  const end = h("span", { class: "end" }, ended(record));
  const label = labels.abstained ? `unsure: ${words(labels.abstained)}` : `${words(labels.task)} · ${labels.band}`;
  const button = h(
    "button",
    { type: "button", "aria-expanded": "false", "aria-controls": detail.id, onclick: () => toggle(button, detail, record.id) },
    h("time", { class: "quiet", datetime: new Date(record.time_us / 1000).toISOString() }, second(record.time_us)),
    h("span", { class: "label" }, label),
    h("span", { class: "route" }, h("code", null, decision.rule), " → ", h("b", null, answering(record))),
    end,
  );
  return { item: h("li", { "data-id": record.id }, button, detail), end, ended: Boolean(record.answered) };
}

/** An entry for a request that named its model: nothing was decided, so that there is nothing to ask for. */
function makeNamed(request) {
  const facts = [
    fact("model", `${request.target}${request.model === request.target ? "" : `, counted as ${request.model}`}`),
    fact("asked at", request.endpoint),
    request.key ? fact("key", request.key) : null,
    fact("reply", request.status ? `status ${request.status}` : words(request.error ?? "none")),
    fact("time", `${duration(request.total_us)}${first({ answered: request })}`),
  ];
  const detail = h("div", { class: "detail", id: `d-${request.id}`, hidden: true }, h("p", { class: "note" }, "The client named this model, so that no table was asked."), h("dl", null, ...facts));
  const toggled = () => {
    detail.hidden = !detail.hidden;
    button.setAttribute("aria-expanded", String(!detail.hidden));
  };
  const status = request.status >= 400 ? h("span", { class: "bad" }, `status ${request.status}`) : null;
  const button = h(
    "button",
    { type: "button", "aria-expanded": "false", "aria-controls": detail.id, onclick: toggled },
    h("time", { class: "quiet", datetime: new Date(request.time_us / 1000).toISOString() }, second(request.time_us)),
    h("span", { class: "label quiet" }, "named a model"),
    h("span", { class: "route" }, "→ ", h("b", null, request.target)),
    h("span", { class: "end" }, status, ended({ answered: request })),
  );
  return { item: h("li", { "data-id": request.id }, button, detail), ended: true };
}

/** The chosen model, and the one that answered in its place. */
function answering(record) {
  const attempts = record.answered?.attempts ?? [];
  const last = attempts[attempts.length - 1];
  const { model } = record.decision;
  return last && last.status && last.model !== model ? `${model} → ${last.model}` : model;
}

function ended(record) {
  const { answered } = record;
  if (!answered) return [h("span", { class: "quiet" }, record.endpoint.startsWith("/v1/route") || record.endpoint.endsWith("count_tokens") ? "decision only" : "answering …")];
  const parts = [];
  if (answered.end !== "whole") parts.push(h("span", { class: "bad" }, words(answered.end)));
  parts.push(h("span", null, duration(answered.total_us)));
  if (answered.usage) parts.push(h("span", { class: "quiet" }, `${count(answered.usage.input)} + ${count(answered.usage.output)} tokens`));
  if (answered.cost !== undefined && answered.cost !== null) parts.push(h("span", null, usd(answered.cost)));
  return parts;
}

async function toggle(button, detail, id) {
  const isOpen = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!isOpen));
  detail.hidden = isOpen;
  if (isOpen) return;
  try {
    const response = await fetch(`/dashboard/api/decisions/${encodeURIComponent(id)}`);
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error?.message ?? `status ${response.status}`);
    show(detail, explained(answer));
  } catch (error) {
    show(detail, h("p", { class: "trouble" }, String(error.message ?? error)));
  }
}

function explained({ record, explanation, same_table }) {
  const { labels } = record;
  const scores = [...labels.task_scores].sort((a, b) => b[1] - a[1]).slice(0, 3);
  return [
    prompt(record.prompt),
    same_table ? null : h("p", { class: "note" }, explanation ? "The table has changed since; the rows below are today's." : "The table that decided is gone."),
    h(
      "dl",
      null,
      fact("labels", scores.map(([task, score]) => `${words(task)} ${percent(score)}`).join(", ")),
      fact("difficulty", `${labels.difficulty.toFixed(2)}, ${labels.band} with ${percent(labels.band_confidence)}`),
      fact("time", `${duration(record.queue_us)} waiting, ${duration(record.classify_us)} labelling, ${duration(record.overhead_us)} until decided${first(record)}`),
      fact("tokens", `${count(record.facts.input_tokens)} estimated; ${count(labels.tokens_seen)} of ${count(labels.tokens)} read by the classifier`),
      attempts(record),
      record.key ? fact("key", record.key) : null,
      record.feedback ? fact("feedback", `score ${record.feedback.score}`) : null,
      fact("decision", `${record.id}, table ${record.table} ${record.table_hash.slice(0, 12)}`),
    ),
    explanation ? rows(explanation) : null,
    explanation ? alternatives(explanation) : null,
  ];
}

function fact(name, value) {
  return [h("dt", null, name), h("dd", null, value)];
}

function first(record) {
  const us = record.answered?.first_bytes_us;
  return us === undefined || us === null ? "" : `, ${duration(us)} to the first bytes`;
}

function attempts(record) {
  const made = record.answered?.attempts ?? [];
  if (made.length === 0) return null;
  return fact("calls", made.map((one) => `${one.model} (${one.target}): ${one.status ?? words(one.error)} after ${duration(one.head_us)}`).join("; "));
}

/** What was kept of the prompt, as text and nothing else. */
function prompt(kept) {
  if (!kept) return null;
  if (kept.full) return h("pre", { class: "prompt" }, kept.full.map((turn) => turn.content).join("\n"));
  if (kept.redacted !== undefined) return h("pre", { class: "prompt" }, kept.redacted);
  return h("p", { class: "quiet" }, `prompt with hash ${kept.hash.slice(0, 16)}`);
}

const VERDICTS = { decided: "→", none_eligible: "✗", not_asked: "·" };

/** The rows that could match, in order of precedence. */
export function rows(explanation) {
  const one = (model) => (model.refused ? `${model.name} (${words(model.refused)})` : model.name);
  const items = explanation.rows.map((row) =>
    h("li", { class: row.verdict }, h("span", { class: "mark", "aria-hidden": "true" }, VERDICTS[row.verdict]), h("code", null, row.rule), h("span", null, row.models.map(one).join(", ")), h("span", { class: "unseen" }, words(row.verdict))),
  );
  return h("div", { class: "why" }, h("h3", null, "Rows that could match, the most specific first"), h("ol", { class: "rows" }, items));
}

/** What slightly different labels would have changed. */
export function alternatives(explanation) {
  const list = [
    ["had it been sure", explanation.if_sure],
    ["one band easier", explanation.if_easier],
    ["one band harder", explanation.if_harder],
    ["runner-up", explanation.if_runner_up],
  ].filter(([, other]) => other);
  if (list.length === 0) return null;
  const items = list.map(([when, other]) =>
    h("li", null, h("span", { class: "quiet" }, `${when}: ${words(other.task)}, ${other.band} → `), h(other.changes ? "b" : "span", null, other.model), other.changes ? null : h("span", { class: "quiet" }, ", the same")),
  );
  return h("div", { class: "why" }, h("h3", null, "What would change it"), h("ul", { class: "others" }, items));
}
