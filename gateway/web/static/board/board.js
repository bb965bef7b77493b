// The board: reads executions page by page, keeps them up to date by subscription, and shows them as the reader filters.
// The address holds the filters, so that a view can be shared.
import { h, moment } from "../dom.js";
import { ask, follow } from "../gateway.js";
import { Details } from "./details.js";
import { readView, RANGES, saveView, variablesOf } from "./filters.js";
import { extent } from "./layout.js";
import { Reports } from "./reports.js";
import { LOOKS, lookOf } from "./statuses.js";
import { Timeline } from "./timeline.js";

const PAGE = 500;
const FASTEST_DRAWING = 1000;
const SLOWEST_DRAWING = 20000;
const SETTLING = 250;

const place = (id) => document.getElementById(id);
const view = readView();
const rows = new Map();
const changed = new Set();
const reports = new Reports(place("reports"));
let legs = [];
let reading = null;
let drawing = null;
// What is shown stays until the first of what is asked now is here.
let stale = true;
let missing = [];
let lastChange = null;
let connection = "connecting";

const timeline = new Timeline(place("timeline"), open);
const details = new Details(place("details"), close);

// --- reading

/** A leg is one list with one subscription. By node there are two: see `targetLeg`. */
function newLeg(sources, roles) {
  return { sources, roles, page: null, stop: null };
}

function take(execution) {
  const before = rows.get(execution.id);
  if (before?.nodes?.edges.length && !execution.nodes?.edges.length) execution.nodes = before.nodes;
  rows.set(execution.id, execution);
}

async function readPage(leg, signal, after = null) {
  const variables = { ...variablesOf(view, leg), first: PAGE, after, firstPage: after === null };
  const { executions, open: going } = await ask("Timeline", variables, signal);
  signal.throwIfAborted();
  if (stale) {
    rows.clear();
    reports.clear();
    stale = false;
  }
  const number = legs.indexOf(leg);
  reports.add(`list ${number}`, executions.sources);
  if (going) reports.add(`open ${number}`, going.sources);
  for (const { node } of [...executions.edges, ...(going?.edges ?? [])]) take(node);
  return executions.pageInfo;
}

async function readFirst(leg, signal) {
  leg.page = await readPage(leg, signal);
}

/** Executions of some sources run on no machine that is known without asking for each: what they act on stands for it. */
function targetLeg() {
  const silent = new Set([...rows.values()].map(({ source }) => source.name));
  for (const { source, nodes } of rows.values()) if (nodes?.edges.length) silent.delete(source.name);
  return silent.size ? newLeg([...silent], ["TARGET"]) : null;
}

async function load() {
  reading?.abort();
  reading = new AbortController();
  const { signal } = reading;
  for (const leg of legs) leg.stop?.();
  place("timeline").setAttribute("aria-busy", "true");
  say("Asking the sources…");
  stale = true;
  try {
    legs = [newLeg(view.source, ["EXECUTOR"])];
    await readFirst(legs[0], signal);
    const targets = view.by === "node" ? targetLeg() : null;
    if (targets) {
      legs.push(targets);
      await readFirst(targets, signal);
    }
    for (const leg of legs) watch(leg, signal);
    finishReading();
  } catch (error) {
    if (signal.aborted) return;
    say(error.message, true);
    connection = "not connected";
    drawConnection();
  }
}

const more = ({ page }) => page?.hasNextPage;

async function loadOlder() {
  const { signal } = reading;
  place("older").disabled = true;
  try {
    for (const leg of legs.filter(more)) leg.page = await readPage(leg, signal, leg.page.endCursor);
    finishReading();
  } catch (error) {
    if (!signal.aborted) say(error.message, true);
  }
  place("older").disabled = false;
}

function finishReading() {
  place("timeline").removeAttribute("aria-busy");
  place("older").parentElement.hidden = !legs.some(more);
  missing = reports.draw();
  draw();
  say("");
}

/** What the page is doing, or what went wrong. */
function say(text, trouble = false) {
  place("said").textContent = text;
  place("said").classList.toggle("trouble", trouble);
}

function drawSummary(shown) {
  const failures = shown.filter(({ status }) => ["failed", "errored"].includes(lookOf(status).look)).length;
  const so = `${legs.some(more) ? "The newest " : ""}${shown.length} ${shown.length === 1 ? "execution" : "executions"}`;
  const some = `${so}, ${failures} failed${missing.length ? "; some may be missing" : ""}`;
  const none = missing.length ? "Nothing here, but not every source could be heard." : "Nothing matches in this range.";
  if (!stale) place("summary").textContent = shown.length ? some : none;
}

// --- live

function watch(leg, signal) {
  leg.stop = follow("Changes", () => variablesOf(view, leg, { live: true }), {
    connected: () => (connection = "live"),
    disconnected: () => {
      connection = "connection lost, trying again";
      drawConnection();
    },
    failed: (message) => {
      connection = message;
      drawConnection();
    },
    trouble: (message) => say(message, true),
    next: ({ executionsUpdated: { execution, sources } }) => {
      say("");
      if (sources) {
        reports.add(`live ${legs.indexOf(leg)}`, sources);
        // The list is read again: what happened between it and the subscription's first look is in neither, and a source that is
        // back has rows that are missing here.
        readPage(leg, signal).catch(() => undefined).then(reportAndDraw);
      }
      if (execution) {
        lastChange = Date.now();
        take(execution);
        changed.add(execution.id);
        if (execution.id === details.id) details.refresh();
      }
      drawSoon();
    },
  });
}

function reportAndDraw() {
  missing = reports.draw();
  drawSoon();
}

function drawSoon() {
  drawing ??= setTimeout(draw, SETTLING);
}

/** Draws, and again when time has moved the bars by a pixel. */
function draw() {
  clearTimeout(drawing);
  const now = Date.now();
  const { milliseconds } = RANGES[view.last];
  const from = now - milliseconds;
  for (const [id, row] of rows) if (extent(row, now)[1] < from) rows.delete(id);
  const shown = [...rows.values()].filter(({ status }) => !view.status.length || view.status.includes(lookOf(status).look));
  timeline.show(shown, { from, now, by: view.by, changed, chosen: details.id });
  changed.clear();
  drawSummary(shown);
  drawLegend();
  drawConnection();
  const pixel = milliseconds / timeline.width;
  drawing = null;
  clearTimeout(draw.next);
  draw.next = setTimeout(draw, Math.min(SLOWEST_DRAWING, Math.max(FASTEST_DRAWING, pixel)));
}

function drawConnection() {
  place("live").textContent = connection === "live" ? `Live${lastChange ? `, last change ${moment(lastChange)}` : ""}` : connection;
  place("live").classList.toggle("on", connection === "live");
}

// --- filters

function drawLegend() {
  const counts = new Map();
  for (const { status } of rows.values()) counts.set(lookOf(status).look, (counts.get(lookOf(status).look) ?? 0) + 1);
  for (const chip of place("statuses").children) chip.querySelector(".count").textContent = counts.get(chip.dataset.look) ?? 0;
}

function toggle(list, value) {
  const index = list.indexOf(value);
  if (index < 0) list.push(value);
  else list.splice(index, 1);
}

function chip(list, value, properties, ...content) {
  const pressed = () => String(list.includes(value));
  return h(
    "button",
    {
      type: "button",
      "aria-pressed": pressed(),
      ...properties,
      onclick: ({ currentTarget }) => {
        toggle(list, value);
        currentTarget.setAttribute("aria-pressed", pressed());
        apply();
      },
    },
    ...content,
  );
}

function apply() {
  saveView(view, details.id);
  load();
}

async function drawFilters() {
  place("last").replaceChildren(...Object.entries(RANGES).map(([value, { word }]) => h("option", { value }, word)));
  for (const name of ["last", "by", "q", "node"]) {
    const field = place(name);
    field.value = view[name];
    let waiting = null;
    field.addEventListener(field.type === "search" ? "input" : "change", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        view[name] = field.value.trim();
        apply();
      }, field.type === "search" ? 400 : 0);
    });
  }
  place("statuses").replaceChildren(
    ...LOOKS.map(({ look, word, mark }) =>
      chip(view.status, look, { class: `chip ${look}`, "data-look": look }, h("span", { class: "swatch", "aria-hidden": "true" }, mark), `${word} `, h("span", { class: "count" }, "0")),
    ),
  );
  const { sources } = await ask("Sources");
  place("sources").replaceChildren(...sources.map(({ name, displayName }) => chip(view.source, name, { class: "chip" }, displayName)));
}

// --- details

function open(id) {
  saveView(view, id);
  details.show(id);
  document.body.classList.add("with-details");
  draw();
}

function close() {
  const { id } = details;
  saveView(view, null);
  details.show(null);
  document.body.classList.remove("with-details");
  draw();
  if (id) timeline.focus(id);
}

place("older").addEventListener("click", loadOlder);
new ResizeObserver(drawSoon).observe(place("timeline"));
drawFilters().catch((error) => say(error.message, true));
load().then(() => {
  const { id } = readView();
  if (id) open(id);
});
