// The strip that says how far each source could be heard: the worst of what any list on the page says of it.
import { h, instant, moment } from "../dom.js";

const MARKS = { OK: "✓", TRUNCATED: "!", FAILED: "✕", SKIPPED: "–" };
const SHORT = { OK: "complete", SKIPPED: "not asked" };
const FROM_WORST = ["FAILED", "TRUNCATED", "OK", "SKIPPED"];

function sentence({ state, coveredUntil, error, residualFilters }) {
  if (state === "FAILED") return error?.message ?? "It failed; its rows are missing.";
  if (state === "TRUNCATED") {
    const until = coveredUntil ? `complete back to ${moment(instant(coveredUntil))} only` : "cut short: rows may be missing";
    return error ? `${until}. ${error.message}` : until;
  }
  if (state === "SKIPPED") return "not asked: nothing of it can match";
  return residualFilters?.length ? `complete; the gateway itself applied ${residualFilters.join(", ")}` : "complete";
}

export class Reports {
  #place;
  #lists = new Map();

  constructor(place) {
    this.#place = place;
  }

  clear() {
    this.#lists.clear();
  }

  /** Takes in what a list says now of some or all sources; `list` names it. */
  add(list, reports) {
    if (!this.#lists.has(list)) this.#lists.set(list, new Map());
    for (const report of reports) this.#lists.get(list).set(report.source.name, report);
  }

  /** Shows them; returns the names of sources whose rows may be missing. */
  draw() {
    const rank = ({ state }) => FROM_WORST.indexOf(state);
    const worst = new Map();
    for (const reports of this.#lists.values()) {
      for (const [name, report] of reports) if (!worst.has(name) || rank(report) < rank(worst.get(name))) worst.set(name, report);
    }
    const all = [...worst].sort(([a], [b]) => (a < b ? -1 : 1));
    this.#place.replaceChildren(
      ...all.map(([name, report]) =>
        h(
          "li",
          { class: report.state, "data-source": name, title: sentence(report) },
          h("span", { class: "mark", "aria-hidden": "true" }, MARKS[report.state] ?? "?"),
          h("b", {}, name),
          h("span", { class: "sentence" }, ` ${SHORT[report.state] ?? sentence(report)}`),
        ),
      ),
    );
    const missing = all.filter(([, { state }]) => state === "FAILED" || state === "TRUNCATED").map(([name]) => name);
    this.#place.classList.toggle("partial", missing.length > 0);
    return missing;
  }
}
