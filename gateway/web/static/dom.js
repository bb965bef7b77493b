// A few words for making elements and for saying times.

/** An element with properties (`class`, `data-*` and `aria-*` as attributes, `on*` as listeners) and children; null makes none. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name === "class" ? "class" : name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Milliseconds of an instant as the gateway writes it; null of none. */
export const instant = (text) => (text ? Date.parse(text) : null);

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const calendar = new Intl.DateTimeFormat([], { weekday: "short", day: "numeric", month: "short" });

/** "14:03:12", with the day unless that is today. */
export function moment(milliseconds) {
  const date = new Date(milliseconds);
  const time = clock.format(date);
  return date.toDateString() === new Date().toDateString() ? time : `${calendar.format(date)} ${time}`;
}

/** "Mon 3 Nov". */
export const day = (milliseconds) => calendar.format(milliseconds);

/** "850 ms", "12 s", "3 min 20 s", "2 h 5 min", "4 d 3 h". */
export function span(milliseconds) {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  const seconds = Math.round(milliseconds / 1000);
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  return units
    .slice(first, first + 2)
    .map(([name, size], index) => [index ? Math.floor((seconds % units[first][1]) / size) : Math.floor(seconds / size), name])
    .filter(([count]) => count)
    .map(([count, name]) => `${count} ${name}`)
    .join(" ");
}
