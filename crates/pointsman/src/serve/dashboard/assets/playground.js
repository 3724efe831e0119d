// A prompt's labels and decision while it is typed.

import { byId, empty, h, show } from "./dom.js";
import { duration, percent, words } from "./format.js";
import { alternatives, rows } from "./decisions.js";

const PAUSE_MS = 180;

let timer;
let asked;

/** Watches the text; `changed` hears which cell the prompt falls in, `table` says which table decides. */
export function watch({ table, changed }) {
  const text = byId("prompt");
  text.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => explain(text.value, table(), changed), PAUSE_MS);
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target instanceof Element && event.target.closest("input, select, textarea");
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      text.focus();
    }
  });
  show(byId("verdict"), empty("Task, difficulty and model appear here."));
}

/** Explains the text anew, as after a change of the table. */
export function again({ table, changed }) {
  const text = byId("prompt").value;
  if (text.trim()) explain(text, table(), changed);
}

async function explain(text, table, changed) {
  asked?.abort();
  if (!text.trim()) {
    show(byId("verdict"), empty("Task, difficulty and model appear here."));
    changed(null);
    return;
  }
  asked = new AbortController();
  try {
    const response = await fetch("/dashboard/api/explain", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text, table }),
      signal: asked.signal,
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error?.message ?? `status ${response.status}`);
    verdict(answer);
    changed(answer.labels.abstained ? "unsure" : `${answer.labels.task}.${answer.labels.band}`);
  } catch (error) {
    if (error.name === "AbortError") return;
    show(byId("verdict"), h("p", { class: "trouble" }, String(error.message ?? error)));
    changed(null);
  }
}

function verdict({ labels, explanation, classify_us }) {
  const { decision } = explanation;
  const best = Object.entries(labels.task_scores).sort((a, b) => b[1] - a[1]).slice(0, 3);
  const scores = best.map(([task, score], place) =>
    h(
      "li",
      null,
      h("span", null, words(task), place === 1 ? h("span", { class: "quiet" }, " runner-up") : null),
      h("span", { class: "quiet" }, percent(score)),
      h("div", { class: "bar", "aria-hidden": "true" }, h("i", { class: place === 0 ? "sure" : "before", style: { width: `${100 * score}%` } })),
    ),
  );
  const said = labels.abstained ? `unsure: ${words(labels.abstain_reason)}` : `${words(labels.task)}, ${labels.band}`;
  show(
    byId("verdict"),
    h("p", { class: "answer" }, h("b", null, decision.model), h("span", { class: "quiet" }, decision.target)),
    h("p", null, said, h("span", { class: "quiet" }, ` · row `), h("code", null, decision.rule), h("span", { class: "quiet" }, ` · difficulty ${labels.difficulty.toFixed(2)} · ${duration(classify_us)}`)),
    difficulty(labels),
    h("ul", { class: "bars" }, scores),
    rows(explanation),
    alternatives(explanation),
  );
}

function difficulty(labels) {
  const mark = h("i", { class: "p50", style: { left: `${100 * labels.difficulty}%` } });
  return h("div", { class: "gauge" }, h("div", { class: "line", "aria-hidden": "true" }, mark), h("span", { class: "quiet" }, "easy"), h("span", { class: "quiet" }, "expert"));
}
