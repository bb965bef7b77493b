// Draws the timeline and lets the keyboard walk it. Bars are buttons that live as long as their execution is shown, so that
// focus stays where it is while everything moves.
import { day, h, moment, span } from "../dom.js";
import { extent, layout, ticks } from "./layout.js";
import { isOpen, lookOf, wordOf } from "./statuses.js";

const PADDING = 6;
const TEXT = 18;
const STEPS = { ArrowLeft: -1, ArrowRight: 1 };
const LEVELS = { ArrowUp: -1, ArrowDown: 1 };

export class Timeline {
  #axis = h("div", { class: "ticks", "aria-hidden": "true" });
  #body = h("div", { class: "groups" });
  #tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
  #groups = new Map();
  #order = [];
  #current = null;
  #open;

  /** `open(id)` is called when somebody wants the details of an execution. */
  constructor(place, open) {
    this.#open = open;
    place.replaceChildren(h("div", { class: "axis" }, this.#axis), this.#body, this.#tip);
    this.#body.addEventListener("keydown", (event) => this.#walk(event));
    this.#body.addEventListener("click", ({ target }) => this.#chosen(target, (bar) => this.#open(bar.row.id)));
    this.#body.addEventListener("focusin", ({ target }) => this.#chosen(target, (bar) => this.#enter(bar)));
    this.#body.addEventListener("focusout", () => this.#hideTip());
    this.#body.addEventListener("pointerover", ({ target }) => this.#chosen(target, (bar) => this.#showTip(bar)));
    this.#body.addEventListener("pointerout", () => this.#hideTip());
  }

  /** Pixels between the beginning of the range and now. */
  get width() {
    return Math.max(120, this.#axis.clientWidth);
  }

  /** Shows executions. `changed` are ids to draw attention to, `chosen` is the one whose details are open. */
  show(rows, { from, now, by, changed = new Set(), chosen = null }) {
    const groups = layout(rows, { from, now, width: this.width, by });
    this.#drawAxis({ from, now, width: this.width });
    const kept = new Map();
    this.#order = [];
    for (const group of groups) {
      const drawn = this.#groups.get(group.key) ?? this.#newGroup();
      kept.set(group.key, drawn);
      this.#drawGroup(drawn, group, { now, changed, chosen });
      this.#order.push(...group.bars.map(({ row }) => drawn.bars.get(row.id)));
    }
    for (const [key, drawn] of this.#groups) if (!kept.has(key)) drawn.element.remove();
    this.#groups = kept;
    // Moved only where the order has changed: a move takes the focus away.
    groups.forEach(({ key }, index) => {
      const { element } = kept.get(key);
      if (this.#body.children[index] !== element) this.#body.insertBefore(element, this.#body.children[index] ?? null);
    });
    if (!this.#order.includes(this.#current)) this.#current = this.#order[0] ?? null;
    for (const bar of this.#order) bar.element.tabIndex = bar === this.#current ? 0 : -1;
  }

  /** Puts the focus on an execution's first bar, if it is shown; whether it is. */
  focus(id) {
    const bar = this.#current?.row.id === id ? this.#current : this.#order.find(({ row }) => row.id === id);
    bar?.element.focus();
    return Boolean(bar);
  }

  #drawAxis(range) {
    const at = (tick) => `${((tick - range.from) / (range.now - range.from)) * range.width}px`;
    const found = ticks(range).map((tick) => {
      const midnight = new Date(tick).getHours() === 0 && new Date(tick).getMinutes() === 0;
      const mark = h("span", { class: midnight ? "tick midnight" : "tick" }, midnight ? day(tick) : moment(tick).match(/\d\d:\d\d/)[0]);
      mark.style.left = at(tick);
      return mark;
    });
    this.#axis.replaceChildren(...found);
  }

  #newGroup() {
    const label = h("span", { class: "label" });
    const source = h("span");
    const count = h("span", { class: "count" });
    const track = h("div", { class: "track" });
    return {
      element: h("section", { class: "group", role: "group" }, h("h3", {}, label, h("span", { class: "of" }, source, count)), track),
      label,
      source,
      count,
      track,
      bars: new Map(),
    };
  }

  #drawGroup(drawn, group, { now, changed, chosen }) {
    const { element, label, source, count, track } = drawn;
    const words = [`${group.total}`, group.bad ? `${group.bad} failed` : null].filter(Boolean).join(" · ");
    element.setAttribute("aria-label", `${group.label} ${group.source}: ${words}`);
    label.textContent = group.label;
    label.title = group.label;
    source.textContent = group.source;
    count.textContent = words;
    count.classList.toggle("bad", group.bad > 0);
    track.style.minHeight = `${group.lanes * group.height + 2 * PADDING}px`;
    track.style.setProperty("--lane", `${group.height}px`);
    const gone = new Set(drawn.bars.keys());
    for (const { row, left, width, lane, cut } of group.bars) {
      gone.delete(row.id);
      let bar = drawn.bars.get(row.id);
      if (!bar) {
        bar = { element: h("button", { type: "button", tabIndex: -1 }) };
        bar.element.bar = bar;
        drawn.bars.set(row.id, bar);
        track.append(bar.element);
      }
      const { look, word, mark } = lookOf(row.status);
      Object.assign(bar, { row, left, width, top: PADDING + lane * group.height, now });
      bar.element.className = `bar ${look}${cut ? " cut" : ""}${changed.has(row.id) ? " changed" : ""}`;
      bar.element.dataset.id = row.id;
      bar.element.textContent = group.height < TEXT ? "" : width > 90 ? `${mark} ${row.name}` : width > 16 && look !== "ok" ? mark : "";
      bar.element.setAttribute("aria-label", `${row.name}, ${word}, ${row.source.name}, ${when(row, now)}`);
      bar.element.setAttribute("aria-current", String(row.id === chosen));
      bar.element.style.left = `${left}px`;
      bar.element.style.width = `${width}px`;
      bar.element.style.top = `${bar.top}px`;
    }
    for (const id of gone) {
      drawn.bars.get(id).element.remove();
      drawn.bars.delete(id);
    }
  }

  #chosen(target, use) {
    const bar = target.closest(".bar")?.bar;
    if (bar) use(bar);
  }

  #enter(bar) {
    if (this.#current) this.#current.element.tabIndex = -1;
    this.#current = bar;
    bar.element.tabIndex = 0;
    this.#showTip(bar);
  }

  /** Left and right go by time within a group, up and down to the nearest bar of the next lane; Home and End to a group's ends. */
  #walk(event) {
    const bar = event.target.bar;
    if (!bar || event.altKey || event.ctrlKey || event.metaKey) return;
    const group = [...bar.element.parentElement.children].map(({ bar: one }) => one).sort((a, b) => a.left - b.left || a.top - b.top);
    let to = null;
    if (event.key in STEPS) to = group[group.indexOf(bar) + STEPS[event.key]];
    else if (event.key in LEVELS) to = this.#level(bar, LEVELS[event.key]);
    else if (event.key === "Home") to = group[0];
    else if (event.key === "End") to = group.at(-1);
    else return;
    event.preventDefault();
    to?.element.focus();
  }

  #level(bar, direction) {
    const height = ({ element, top }) => element.parentElement.offsetTop + top;
    const here = height(bar);
    const middle = bar.left + bar.width / 2;
    let best = null;
    for (const one of this.#order) {
      const rise = (height(one) - here) * direction;
      if (rise <= 0) continue;
      const away = Math.abs(one.left + one.width / 2 - middle);
      if (!best || rise < best.rise || (rise === best.rise && away < best.away)) best = { one, rise, away };
    }
    return best?.one;
  }

  #showTip(bar) {
    const { row, now, element } = bar;
    const { word, mark } = lookOf(row.status);
    this.#tip.replaceChildren(
      h("strong", {}, row.name),
      h("span", {}, `${mark} ${word === "Failed" ? wordOf(row.status) : word.toLowerCase()} · ${row.source.name}`),
      h("span", {}, when(row, now)),
    );
    this.#tip.hidden = false;
    const box = element.getBoundingClientRect();
    const { offsetWidth, offsetHeight } = this.#tip;
    const below = box.bottom + 6 + offsetHeight < innerHeight;
    this.#tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - offsetWidth - 8))}px`;
    this.#tip.style.top = `${below ? box.bottom + 6 : box.top - offsetHeight - 6}px`;
  }

  #hideTip() {
    this.#tip.hidden = true;
  }
}

/** "14:03:12, took 3 min", "since 14:03:12, for 20 s". */
export function when(row, now) {
  const [begin, end] = extent(row, now);
  if (isOpen(row.status)) return `since ${moment(begin)}, for ${span(end - begin)}`;
  return row.finishedAt ? `${moment(begin)}, took ${span(end - begin)}` : `${moment(begin)}, end not known`;
}
