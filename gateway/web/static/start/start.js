// The start page: what the sources say, and the questions that GraphiQL opens with.
import { h, instant, moment } from "../dom.js";
import { ask, credentials, key } from "../gateway.js";

const MARKS = { UP: "✓", DEGRADED: "!", DOWN: "✕", UNKNOWN: "?" };
const WORDS = { UP: "Up", DEGRADED: "Degraded", DOWN: "Down", UNKNOWN: "Not asked yet" };
const place = (id) => document.getElementById(id);

const ability = (has, word, without = `no ${word}`) => h("li", has ? {} : { class: "no" }, has ? word : without);

function card({ name, kind, displayName, health, capabilities }) {
  const seen = instant(health.checkedAt);
  return h(
    "li",
    { class: health.state, "data-source": name },
    h(
      "h3",
      {},
      h("span", {}, displayName, " ", h("span", { class: "kind" }, displayName === kind ? "" : kind)),
      h("span", { class: "state" }, h("span", { class: "mark", "aria-hidden": "true" }, MARKS[health.state]), WORDS[health.state]),
    ),
    h(
      "span",
      { class: "checked" },
      seen ? `heard at ${moment(seen)}` : "never heard",
      health.latencyMs === null ? "" : `, in ${Math.round(health.latencyMs)} ms`,
    ),
    health.error && h("p", { class: "problem" }, `${health.error.code}: ${health.error.message}`),
    h(
      "ul",
      { class: "abilities", "aria-label": `What ${displayName} can do` },
      ability(capabilities.listsAllExecutions, "lists everything", "lists by job only"),
      ability(capabilities.logs, "logs"),
      ability(capabilities.nodes, "nodes"),
      ability(capabilities.tql, "TQL"),
    ),
    h(
      "details",
      {},
      h("summary", {}, "What it does itself"),
      h("p", {}, `Filters: ${capabilities.pushedFilters.join(", ") || "none"}`),
      h("p", {}, `Orders: ${capabilities.pushedOrders.join(", ") || "none"}`),
      h("p", {}, `Asked every ${capabilities.minPollSeconds} s at most while somebody follows it. The gateway does the rest.`),
    ),
  );
}

async function showSources() {
  const { sources } = await ask("Sources");
  const open = new Set([...document.querySelectorAll("[data-source]:has(details[open])")].map((one) => one.dataset.source));
  place("sources").replaceChildren(...sources.map(card));
  for (const one of place("sources").children) one.querySelector("details").open = open.has(one.dataset.source);
}

/** Health is what earlier traffic said: so there is some now, and then it is shown again. */
async function askAll() {
  const { executions } = await ask("Pulse");
  const silent = executions.sources.filter(({ state }) => state === "FAILED" || state === "TRUNCATED");
  const all = executions.sources.length;
  const verdict = silent.length
    ? `${all - silent.length} of ${all} sources answer. Lists are partial without ${silent.map(({ source }) => source.name).join(", ")}.`
    : `${all === 1 ? "The source answers" : `All ${all} sources answer`}.`;
  await showSources();
  place("verdict").textContent = verdict;
}

async function showQuestions() {
  const answer = await fetch(new URL("static/examples.json", document.baseURI));
  const questions = await answer.json();
  place("questions").replaceChildren(
    ...questions.map(({ name, title }) => h("li", {}, h("a", { href: `graphiql#example=${name}` }, title))),
  );
}

// A link cannot bring the key: such a page is fetched, and shown from here.
document.querySelector("[data-with-key]").addEventListener("click", async (event) => {
  if (!key()) return;
  event.preventDefault();
  const answer = await fetch(event.currentTarget.href, { headers: credentials() });
  const text = new Blob([await answer.text()], { type: "text/plain" });
  location.assign(URL.createObjectURL(text));
});

function trouble(error) {
  place("verdict").textContent = error.message;
}

showQuestions().catch(trouble);
showSources().then(askAll).catch(trouble);
