// The panel with one execution: what the gateway knows of it, and its log, followed while it grows.
import { h, instant, moment, span } from "../dom.js";
import { ask, follow } from "../gateway.js";
import { lookOf, wordOf } from "./statuses.js";

const TAIL = 300;
const MOST_LINES = 3000;

export class Details {
  #place;
  #close;
  #about = h("div", { class: "about" });
  #log = h("ol", { class: "log", role: "log", tabIndex: 0, "aria-label": "Log" });
  #logState = h("span", { class: "log-state", role: "status" });
  #sequences = [];
  #atEnd = true;
  #stop = null;
  #reading = null;
  id = null;

  /** `close()` is called when the reader has enough. */
  constructor(place, close) {
    this.#place = place;
    this.#close = close;
    place.append(this.#about, h("div", { class: "log-head" }, h("h3", {}, "Log"), this.#logState), this.#log);
    this.#log.addEventListener("scroll", ({ target }) => {
      this.#atEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 40;
    });
    new ResizeObserver(() => this.#showEnd()).observe(this.#log);
    place.addEventListener("keydown", ({ key }) => key === "Escape" && close());
  }

  /** Shows an execution, and follows its log; null shows none. */
  async show(id) {
    if (id === this.id) return;
    this.#reading?.abort();
    this.#stop?.();
    this.#stop = null;
    this.id = id;
    this.#place.hidden = id === null;
    if (id === null) return;
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    this.#about.replaceChildren(h("p", { role: "status" }, "Asking…"));
    this.#log.replaceChildren();
    this.#atEnd = true;
    this.#sequences = [];
    this.#logState.textContent = "";
    await Promise.all([this.#read(signal), this.#readLog(signal)].map((work) => work.catch((error) => this.#trouble(error, signal))));
  }

  /** Reads the execution again: something about it has changed. */
  refresh() {
    const { signal } = this.#reading;
    this.#read(signal).catch((error) => this.#trouble(error, signal));
  }

  #trouble(error, signal) {
    if (!signal.aborted) this.#logState.textContent = error.message;
  }

  async #read(signal) {
    const { execution } = await ask("Details", { id: this.id }, signal);
    if (signal.aborted) return;
    const focused = this.#about.contains(document.activeElement);
    this.#about.replaceChildren(this.#head(execution), ...(execution ? facts(execution) : []));
    if (focused || !this.#place.contains(document.activeElement)) this.#about.querySelector("button").focus();
  }

  #head(execution) {
    const close = h("button", { type: "button", class: "close", "aria-label": "Close details", onclick: this.#close }, "✕");
    if (!execution) return h("header", {}, h("h2", {}, "Its source does not have it, or cannot be reached."), close);
    const { look, mark } = lookOf(execution.status);
    const { source } = execution;
    return h(
      "header",
      {},
      h("div", {}, h("h2", {}, execution.name), h("p", {}, h("span", { class: `badge ${look}` }, `${mark} ${wordOf(execution.status)}`), ` ${source.displayName}`)),
      close,
    );
  }

  async #readLog(signal) {
    const { execution } = await ask("LogTail", { id: this.id, tail: TAIL }, signal);
    if (signal.aborted) return;
    const logs = execution?.logs;
    if (!logs) {
      this.#logState.textContent = "Its source keeps no log of it that could be read.";
      return;
    }
    this.#add(logs);
    let after = logs.pageInfo.endCursor;
    if (logs.complete) return;
    this.#stop = follow("LogLines", () => ({ id: this.id, after }), {
      next: ({ logLines }) => {
        after = logLines?.endCursor ?? after;
        if (logLines) this.#add(logLines);
      },
      disconnected: () => this.#say("connection lost, trying again"),
      trouble: (message) => this.#say(message),
      failed: (message) => this.#say(message),
    });
  }

  /** The newest lines stay in sight until the reader scrolls away from them. */
  #showEnd() {
    if (this.#atEnd) this.#log.scrollTop = this.#log.scrollHeight;
  }

  #say(text) {
    this.#logState.textContent = text;
  }

  #add({ edges, complete, truncated, source }) {
    for (const { node } of edges) this.#insert(node);
    while (this.#sequences.length > MOST_LINES) {
      this.#sequences.shift();
      this.#log.firstElementChild.remove();
    }
    this.#showEnd();
    this.#log.classList.toggle("following", !complete);
    const words = [
      source.state === "FAILED" ? `${source.error?.message ?? "Its source fails."} Trying again.` : complete ? "complete" : "following",
      this.#sequences.length ? null : complete ? "it is empty" : "no line yet",
      truncated ? "the source withholds some lines" : null,
    ];
    this.#say(words.filter(Boolean).join(" · "));
  }

  /** Lines that come late go where they belong; sequences are too large for numbers. */
  #insert({ sequence, timestamp, stream, plainText }) {
    const place = BigInt(sequence);
    let index = this.#sequences.length;
    while (index && this.#sequences[index - 1] > place) index--;
    if (this.#sequences[index - 1] === place) return;
    const time = instant(timestamp);
    const line = h(
      "li",
      { class: stream },
      time === null ? null : h("time", { dateTime: timestamp }, moment(time).slice(-8)),
      stream === "STDERR" ? h("span", { class: "stream", title: "standard error" }, "err") : null,
      plainText,
    );
    this.#log.insertBefore(line, this.#log.children[index] ?? null);
    this.#sequences.splice(index, 0, place);
  }
}

const at = (text, inferred) => (text ? `${moment(instant(text))}${inferred ? " (inferred)" : ""}` : null);

function nodesOf({ edges, totalCount, pageInfo }) {
  const names = edges.map(({ node, failed, unreachable }) => node.name + (unreachable ? " (unreachable)" : failed ? " (failed)" : ""));
  const more = pageInfo.hasNextPage ? ` and ${totalCount ? totalCount - edges.length : "some"} more` : "";
  return names.length ? names.join(", ") + more : null;
}

function facts(execution) {
  const { trigger, error, job, parent, derivedTimestamps, nodes } = execution;
  const inferred = new Set(derivedTimestamps);
  const definition = job?.definition;
  const said = [
    ["Why", [error?.title, error?.message].filter((text) => text && text !== execution.statusMessage).join(": ") || null],
    ["Error code", [error?.code, error?.category].filter(Boolean).join(", ") || null],
    ["Its source says", execution.rawStatus],
    ["Created", at(execution.createdAt, inferred.has("CREATED_AT"))],
    ["Queued", at(execution.queuedAt, inferred.has("QUEUED_AT"))],
    ["Started", at(execution.startedAt, inferred.has("STARTED_AT"))],
    ["Finished", at(execution.finishedAt, inferred.has("FINISHED_AT"))],
    ["Took", execution.finishedAt && execution.durationSeconds !== null ? span(execution.durationSeconds * 1000) : null],
    ["Time limit", execution.timeoutSeconds ? span(execution.timeoutSeconds * 1000) : null],
    ["Attempt", execution.attempt > 1 ? execution.attempt : null],
    ["Exit code", execution.exitCode],
    ["Set going by", trigger && [wordOf(trigger.kind), trigger.actor].filter(Boolean).join(", ")],
    ["Part of", parent?.name],
    ["Made from", definition && [definition.name, definition.version].filter(Boolean).join(" ")],
    ["Nodes", nodes && nodesOf(nodes)],
    ["Native id", execution.nativeId],
  ];
  const question = new URLSearchParams({ query: QUESTION, variables: JSON.stringify({ id: execution.id }, null, 2) });
  const links = h("p", { class: "links" }, h("a", { href: `graphiql#${question}` }, "Open in GraphiQL"));
  // Only an address of the web: this one comes from a source.
  if (/^https?:/.test(execution.webUrl ?? "")) links.append(h("a", { href: execution.webUrl, rel: "noreferrer" }, `Open in ${execution.source.displayName}`));
  return [
    execution.statusMessage && h("p", { class: `message ${lookOf(execution.status).look}` }, execution.statusMessage),
    h("dl", {}, said.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))])),
    error?.traceback && h("details", {}, h("summary", {}, "Traceback"), h("pre", {}, error.traceback)),
    links,
  ].filter(Boolean);
}

const QUESTION = `query ThisExecution($id: ID!) {
  execution(id: $id) {
    name
    status
    statusMessage
    startedAt
    finishedAt
    logs(tail: 20) {
      edges {
        node {
          timestamp
          plainText
        }
      }
    }
  }
}
`;
