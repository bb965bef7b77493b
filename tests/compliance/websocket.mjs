// npm's graphql-ws against a gateway: one scenario a run, what came of it as JSON lines.
// usage: node websocket.mjs SCENARIO URL JSON-ARGUMENTS
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [scenario, url, text] = process.argv.slice(2);
const given = JSON.parse(text);
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");

const client = (options = {}) =>
  createClient({
    url,
    webSocketImpl: WebSocket,
    lazy: true,
    retryAttempts: 0,
    onNonLazyError: () => {},
    ...options,
  });

const LINES = `subscription ($id: ID!, $after: String) { logLines(executionId: $id, after: $after) {
  edges { node { sequence } } endCursor complete } }`;

const scenarios = {
  // Events of a subscription until it completes, or so many of them.
  async subscribe() {
    const one = client({ connectionParams: given.params });
    let left = given.count ?? Infinity;
    for await (const result of one.iterate({ query: given.query, variables: given.variables })) {
      say(result);
      if (--left === 0) break;
    }
    await one.dispose();
    say({ done: true });
  },

  // Follow a log to its end, over sockets that are torn off again and again.
  async resume() {
    let after = null;
    let complete = false;
    let torn = 0;
    while (!complete) {
      let socket;
      const one = client({ on: { opened: (opened) => (socket = opened) } });
      let batches = 0;
      try {
        for await (const { data } of one.iterate({ query: LINES, variables: { id: given.id, after } })) {
          const batch = data.logLines;
          for (const edge of batch.edges) say(edge.node.sequence);
          after = batch.endCursor;
          complete = batch.complete;
          if (torn < given.tears && ++batches > torn % 3) {
            torn += 1;
            socket.terminate();
          }
        }
      } catch (error) {
        if (!(error && typeof error === "object" && "code" in error)) throw error;
      }
      await one.dispose();
    }
    say({ torn });
  },

  // The client's own retry finds the gateway again after a restart.
  async restart() {
    const one = client({ retryAttempts: 100, shouldRetry: () => true, retryWait: () => new Promise((go) => setTimeout(go, 50)) });
    one.on("connected", () => say({ connected: true }));
    one.on("closed", (event) => say({ closed: event.code }));
    for await (const result of one.iterate({ query: given.query, variables: given.variables })) {
      say(result);
      if (result.data?.executionsUpdated?.execution) break;
    }
    await one.dispose();
  },

  // How the client sees itself refused.
  async refused() {
    const one = client({ connectionParams: given.params });
    try {
      for await (const result of one.iterate({ query: given.query })) say(result);
      say({ completed: true });
    } catch (error) {
      say(Array.isArray(error) ? { errors: error } : { closed: error.code, reason: error.reason });
    }
    await one.dispose();
  },
};

await scenarios[scenario]();
process.exit(0);
