// Where bars go: executions in groups, groups in lanes, so that no two bars of a lane touch. Pure.
import { instant } from "../dom.js";
import { isOpen, lookOf } from "./statuses.js";

const NARROWEST = 7;
const GAP = 2;
// Lanes of a crowd are lower, so that the next group is not far: pixels by the most lanes that are so high.
const HEIGHTS = [[12, 18], [24, 11], [Infinity, 7]];

/** How executions are grouped: each way gives an execution's groups, as [key, label, source] each. */
export const GROUPINGS = {
  source: ({ source }) => [[source.name, source.name, ""]],
  job: ({ source, name }) => [[`${source.name}/${name}`, name, source.name]],
  node: ({ source, nodes }) =>
    nodes?.edges.length
      ? nodes.edges.map(({ node }) => [`${source.name}/${node.name}`, node.name, source.name])
      : [[`${source.name}/`, "no node told", source.name]],
};

/** When an execution began, or came to be; and when it ended, as far as it has. */
export function extent({ createdAt, startedAt, finishedAt, status }, now) {
  const begin = instant(startedAt) ?? instant(createdAt) ?? instant(finishedAt) ?? now;
  return [begin, Math.max(begin, instant(finishedAt) ?? (isOpen(status) ? now : begin))];
}

/**
 * Groups in order of source and label, each `{key, label, source, lanes, height, bars, total, bad}`, `height` being a lane's; a bar is
 * `{row, left, width, lane, cut}` in pixels, `cut` if it began before `from`. Times are milliseconds.
 */
export function layout(rows, { from, now, width, by }) {
  const scale = width / (now - from);
  const groups = new Map();
  for (const row of rows) {
    const [begin, end] = extent(row, now);
    if (end < from) continue;
    const right = Math.min(width, Math.max((end - from) * scale, NARROWEST));
    const left = Math.max(0, Math.min((begin - from) * scale, right - NARROWEST));
    const bar = { row, left, width: Math.max(NARROWEST, right - left), cut: begin < from };
    for (const [key, label, source] of GROUPINGS[by](row)) {
      if (!groups.has(key)) groups.set(key, { key, label, source, bars: [] });
      groups.get(key).bars.push({ ...bar });
    }
  }
  const ordered = [...groups.values()].sort((a, b) => a.source.localeCompare(b.source) || a.label.localeCompare(b.label));
  return ordered.map(packed);
}

function packed(group) {
  const ends = [];
  group.bars.sort((a, b) => a.left - b.left || (a.row.id < b.row.id ? -1 : 1));
  for (const bar of group.bars) {
    const free = ends.findIndex((end) => end + GAP <= bar.left);
    bar.lane = free < 0 ? ends.length : free;
    ends[bar.lane] = bar.left + bar.width;
  }
  const bad = group.bars.filter(({ row }) => ["failed", "errored"].includes(lookOf(row.status).look)).length;
  const height = HEIGHTS.find(([most]) => ends.length <= most)[1];
  return { ...group, lanes: ends.length, height, total: group.bars.length, bad };
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const STEPS = [5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR];

/** Instants for the axis, on full steps of the reader's clock, no closer than `space` pixels. */
export function ticks({ from, now, width }, space = 90) {
  const step = STEPS.find((one) => (one / (now - from)) * width >= space) ?? STEPS.at(-1);
  const found = [];
  const first = new Date(from);
  first.setHours(0, 0, 0, 0);
  // The last has room for its words.
  const last = now - ((now - from) / width) * 80;
  for (let tick = first.getTime(); tick < last; tick += step) if (tick > from) found.push(tick);
  return found;
}
