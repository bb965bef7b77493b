// A client of the gateway's GraphQL API: persisted documents over HTTP and WebSocket (graphql-transport-ws).
// It sends a document's id. To a gateway that knows no documents it sends their text.

const endpoint = new URL("graphql", document.baseURI);
const PROTOCOL = "graphql-transport-ws";
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15000;
const FORBIDDEN = 4403;
const INVALID_MESSAGE = 4400;

let reading = null;
// By text because ids are not known: over HTTP, over WebSocket.
let byText = false;
let socketByText = false;

/** Where sessionStorage keeps the API key. */
export const KEY = "execution-gateway.key";

/** The API key of this tab, or null. */
export const key = () => sessionStorage.getItem(KEY);

/** Headers that show the API key, where there is one. */
export const credentials = () => (key() ? { Authorization: `Bearer ${key()}` } : {});

function unauthenticated() {
  dispatchEvent(new CustomEvent("gateway:unauthenticated"));
  return new Error("The gateway wants an API key.");
}

async function documentOf(name) {
  reading ??= fetch(new URL("static/documents.json", document.baseURI)).then((answer) => answer.json());
  const known = await reading.catch((error) => {
    reading = null;
    throw error;
  });
  return known[name];
}

const identified = ({ id, text }, textual) => (textual ? { query: text } : { documentId: id });

async function post(request, signal) {
  const answer = await fetch(endpoint, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", ...credentials() },
    body: JSON.stringify(request),
    signal,
  });
  if (answer.status === 401) throw unauthenticated();
  return answer.json();
}

/** The data of a document's answer. Errors beside data are left to the reports in it; without data, throws the first. */
export async function ask(name, variables = {}, signal = undefined) {
  const document = await documentOf(name);
  let answer = await post({ ...identified(document, byText), variables }, signal);
  if (!answer.data && !byText) {
    const again = await post({ query: document.text, variables }, signal);
    byText = Boolean(again.data);
    answer = again;
  }
  if (!answer.data) throw new Error(answer.errors?.[0]?.message ?? "The gateway gave no answer.");
  return answer.data;
}

// --- subscriptions: one socket for all of a page, there as long as something is followed

const followed = new Map();
let socket = null;
let ready = false;
let wait = FIRST_WAIT;
let next = 1;

const send = (message) => socket.send(JSON.stringify(message));

async function subscribe(id) {
  const one = followed.get(id);
  const document = await documentOf(one.name);
  if (followed.get(id) !== one || !ready) return;
  send({ id, type: "subscribe", payload: { ...identified(document, byText || socketByText), variables: one.variables() } });
  one.sink.connected?.();
}

function received({ data }) {
  const message = JSON.parse(data);
  const one = followed.get(message.id);
  if (message.type === "connection_ack") {
    ready = true;
    wait = FIRST_WAIT;
    for (const id of followed.keys()) subscribe(id);
  } else if (message.type === "ping") {
    send({ type: "pong" });
  } else if (message.type === "next" && one) {
    const { data: found, errors } = message.payload;
    if (found) one.sink.next(found);
    else one.sink.trouble?.(errors?.[0]?.message ?? "The gateway gave no answer.");
  } else if (message.type === "error" && one) {
    end(message.id);
    one.sink.failed?.(message.payload[0]?.message ?? "The gateway refused.");
  } else if (message.type === "complete" && one) {
    end(message.id);
    one.sink.complete?.();
  }
}

function closed({ code }) {
  socket = null;
  ready = false;
  if (code === FORBIDDEN) {
    const { message } = unauthenticated();
    for (const { sink } of followed.values()) sink.failed?.(message);
    followed.clear();
    return;
  }
  if (code === INVALID_MESSAGE && !socketByText) {
    socketByText = true;
    connect();
    return;
  }
  for (const { sink } of followed.values()) sink.disconnected?.();
  if (followed.size) setTimeout(connect, wait * (0.5 + Math.random() / 2));
  wait = Math.min(wait * 2, LONGEST_WAIT);
}

function connect() {
  if (socket || !followed.size) return;
  const url = new URL(endpoint);
  url.protocol = url.protocol.replace("http", "ws");
  socket = new WebSocket(url, PROTOCOL);
  socket.onopen = () => send({ type: "connection_init", payload: credentials() });
  socket.onmessage = received;
  socket.onclose = closed;
}

function end(id) {
  followed.delete(id);
  if (!followed.size) socket?.close(1000);
}

/**
 * Follows a subscription, over lost connections too; returns what stops it. `variables()` is asked at each connection, so that
 * it can resume. The sink's `next(data)` is called for each event; `connected()`, `disconnected()`, `complete()`,
 * `trouble(message)` (it goes on) and `failed(message)` (it does not) where there are such.
 */
export function follow(name, variables, sink) {
  const id = String(next++);
  followed.set(id, { name, variables, sink });
  if (ready) subscribe(id);
  else connect();
  return () => {
    if (!followed.has(id)) return;
    if (ready) send({ id, type: "complete" });
    end(id);
  };
}
