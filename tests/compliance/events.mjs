// npm's graphql-sse, in distinct connections mode, against a gateway: one scenario a run, what came of it as JSON lines.
// usage: node events.mjs SCENARIO URL JSON-ARGUMENTS
import { createClient } from "graphql-sse";

const [scenario, url, text] = process.argv.slice(2);
const given = JSON.parse(text);
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const client = (options = {}) => createClient({ url, retryAttempts: 0, headers: given.headers, ...options });

const LINES = `subscription ($id: ID!, $after: String) { logLines(executionId: $id, after: $after) {
  edges { node { sequence } } endCursor complete } }`;

const scenarios = {
  async subscribe() {
    const one = client();
    let left = given.count ?? Infinity;
    for await (const result of one.iterate({ query: given.query, variables: given.variables })) {
      say(result);
      if (--left === 0) break;
    }
    one.dispose();
    say({ done: true });
  },

  async resume() {
    let after = null;
    let complete = false;
    let torn = 0;
    while (!complete) {
      const one = client();
      let batches = 0;
      for await (const { data } of one.iterate({ query: LINES, variables: { id: given.id, after } })) {
        const batch = data.logLines;
        for (const edge of batch.edges) say(edge.node.sequence);
        after = batch.endCursor;
        complete = batch.complete;
        if (torn < given.tears && ++batches > torn % 3) {
          torn += 1;
          break;
        }
      }
      one.dispose();
    }
    say({ torn });
  },

  async restart() {
    const one = client({ retryAttempts: 100, retry: () => new Promise((go) => setTimeout(go, 50)) });
    for await (const result of one.iterate({ query: given.query, variables: given.variables })) {
      say(result);
      if (result.data?.executionsUpdated?.execution) break;
    }
    one.dispose();
  },

  async refused() {
    const one = client();
    try {
      for await (const result of one.iterate({ query: given.query })) say(result);
      say({ completed: true });
    } catch (error) {
      say(Array.isArray(error) ? { errors: error } : { failed: error.message, status: error.response?.status });
    }
    one.dispose();
  },
};

await scenarios[scenario]();
process.exit(0);
