// What the reader wants to see, as the address holds it and as the API takes it. Pure but for the address.
import { LOOKS } from "./statuses.js";

const HOUR = 3_600_000;

/** Ranges that can be chosen, by ISO 8601 duration. */
export const RANGES = {
  PT1H: { word: "last hour", milliseconds: HOUR },
  PT6H: { word: "last 6 hours", milliseconds: 6 * HOUR },
  PT24H: { word: "last 24 hours", milliseconds: 24 * HOUR },
  P3D: { word: "last 3 days", milliseconds: 72 * HOUR },
  P7D: { word: "last 7 days", milliseconds: 168 * HOUR },
  P14D: { word: "last 14 days", milliseconds: 336 * HOUR },
};
const WAYS = ["source", "job", "node"];
const USUAL = { last: "PT24H", by: "source" };

/** `{last, by, q, node, source, status, id}`: the last three lists of names, and the execution whose details are open. */
export function readView() {
  const given = new URLSearchParams(location.search);
  const one = (name, allowed) => (allowed.includes(given.get(name)) ? given.get(name) : USUAL[name]);
  const looks = LOOKS.map(({ look }) => look);
  return {
    last: one("last", Object.keys(RANGES)),
    by: one("by", WAYS),
    q: given.get("q") ?? "",
    node: given.get("node") ?? "",
    source: given.getAll("source"),
    status: given.getAll("status").filter((look) => looks.includes(look)),
    id: given.get("id"),
  };
}

/** Writes the view to the address, without what is usual. */
export function saveView(view, id) {
  const address = new URLSearchParams();
  for (const name of ["last", "by", "q", "node"]) if (view[name] && view[name] !== USUAL[name]) address.set(name, view[name]);
  for (const name of ["source", "status"]) for (const value of view[name]) address.append(name, value);
  if (id) address.set("id", id);
  history.replaceState(null, "", `${location.pathname}${address.size ? `?${address}` : ""}`);
}

/** Variables of Timeline, or of Changes with `live`: what was created in the range, and what is open however old it is. */
export function variablesOf(view, { sources, roles }, { live = false } = {}) {
  const filter = {};
  if (sources.length) filter.source = sources;
  if (view.status.length) filter.status = LOOKS.filter(({ look }) => view.status.includes(look)).flatMap(({ statuses }) => statuses);
  if (view.q) filter.search = view.q;
  if (view.node) filter.nodeName = { contains: view.node };
  const shared = { byNode: view.by === "node", roles };
  if (live) return { ...shared, filter };
  return { ...shared, filter: { ...filter, createdAt: { last: view.last } }, open: { ...filter, phase: ["WAITING", "ACTIVE"] } };
}
