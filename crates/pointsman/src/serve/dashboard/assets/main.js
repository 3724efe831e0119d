// Asks for figures as long as somebody looks, and has them drawn.

import { byId, h, show } from "./dom.js";
import * as decisions from "./decisions.js";
import { lasting } from "./format.js";
import * as health from "./health.js";
import * as playground from "./playground.js";
import * as traffic from "./traffic.js";

const LIVE_MS = 2_000;
const RECORDS_MS = 30_000;
const TABLE_MS = 15_000;
const LISTED = 25;

const state = { view: null, table: null, lit: null, window: "15m", baseline: "", tableName: "auto", tableAt: 0 };

async function get(path) {
  const response = await fetch(path, { headers: { accept: "application/json" } });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error?.message ?? `status ${response.status}`);
  return answer;
}

async function loadTable() {
  state.table = await get(`/dashboard/api/table?name=${encodeURIComponent(state.tableName)}`);
  state.tableAt = Date.now();
  options(byId("table-name"), state.table.tables, state.tableName);
  byId("table-field").hidden = state.table.tables.length < 2;
}

/** Brings a list of choices up to date unless it is the same, so that an open one stays open. */
function options(select, names, chosen) {
  const shown = [...select.options].map((option) => option.value);
  if (shown.join("\n") !== names.join("\n")) show(select, names.map((name) => h("option", { value: name }, name)));
  if (select.value !== chosen) select.value = chosen;
}

function draw() {
  const { view, table, lit } = state;
  if (!view) return;
  traffic.tiles(view);
  traffic.matrix(table, view, lit);
  traffic.flows(view);
  traffic.models(view, table);
  traffic.times(view);
  health.errors(view);
  health.abstentions(view);
  health.drift(view);
  const { money, now } = view;
  options(byId("baseline"), money.baselines, money.baseline ?? "");
  byId("baseline").parentElement.hidden = money.baselines.length === 0;
  show(byId("about"), `up ${lasting(Date.now() / 1000 - now.started_us / 1e6)}, ${now.in_flight} in flight, ${now.classify_waiting} waiting`);
  const kept = now.records.on
    ? `${now.records.written} requests recorded since the start${now.records.dropped ? `, ${now.records.dropped} dropped` : ""}${now.records.failed_commits ? `, ${now.records.failed_commits} failed writes` : ""}`
    : "decisions are not recorded: this is the memory of the last hour";
  show(byId("foot"), `pointsman ${now.version} · labels by ${now.classifier} · ${kept}`);
  for (const input of document.querySelectorAll("#windows input")) {
    input.disabled = !now.records.on && !["15m", "1h"].includes(input.value);
    input.parentElement.title = input.disabled ? "needs [record] in the configuration" : "";
  }
}

function trouble(error) {
  const line = byId("trouble");
  line.hidden = !error;
  show(line, error ? `The figures are not up to date: ${error.message ?? error}` : "");
  const pulse = byId("pulse");
  show(pulse, error ? "interrupted" : state.window === "15m" || state.window === "1h" ? "live" : "from records");
  pulse.classList.toggle("off", Boolean(error));
}

let timer;
let round = 0;

/** Asks for everything once, draws it, and comes back later; nobody is asked while the page is hidden. */
async function refresh() {
  clearTimeout(timer);
  const own = ++round;
  const isLive = ["15m", "1h"].includes(state.window);
  if (!document.hidden) {
    try {
      const asked = new URLSearchParams({ window: state.window });
      if (state.baseline) asked.set("baseline", state.baseline);
      // One after another, so that the requests in flight are those of others.
      if (Date.now() - state.tableAt > TABLE_MS) await loadTable();
      const recent = await get(`/dashboard/api/decisions?limit=${LISTED}`);
      const named = await get(`/dashboard/api/named?limit=${LISTED}`);
      const view = await get(`/dashboard/api/traffic?${asked}`);
      if (own !== round) return;
      state.view = view;
      draw();
      decisions.update(recent, named);
      trouble(null);
    } catch (error) {
      if (own !== round) return;
      trouble(error);
    }
  }
  timer = setTimeout(refresh, isLive ? LIVE_MS : RECORDS_MS);
}

const tried = {
  table: () => state.tableName,
  changed: (cell) => {
    state.lit = cell;
    traffic.matrix(state.table, state.view, state.lit);
  },
};

byId("windows").addEventListener("change", (event) => {
  state.window = event.target.value;
  refresh();
});
byId("baseline").addEventListener("change", (event) => {
  state.baseline = event.target.value;
  refresh();
});
byId("table-name").addEventListener("change", async (event) => {
  state.tableName = event.target.value;
  state.tableAt = 0;
  await refresh();
  playground.again(tried);
});
document.addEventListener("visibilitychange", () => document.hidden || refresh());
playground.watch(tried);
refresh();
