// A client pages a list to its end; after every page it says how far it is and waits for a line before it goes on.
// usage: node paging.mjs CLIENT PROJECT JSON-VARIABLES
// The client's configuration is the guide's: PROJECT holds its files. The last line is the list as the client shows it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [name, project, text] = process.argv.slice(2);
const variables = JSON.parse(text);
const load = (path) => import(pathToFileURL(join(project, path)));
const query = () => readFileSync(join(project, "operations", "List.graphql"), "utf8");

// Each yields the whole list so far, as an application would render it.
const clients = {
  async *apollo() {
    const { gql } = await import("@apollo/client");
    const { client } = await load("client.js");
    const watched = client.watchQuery({ query: gql(query()), variables });
    let told = () => {};
    let shown;
    watched.subscribe((result) => {
      shown = result;
      told();
    });
    const until = async (ready) => {
      while (!ready()) await new Promise((go) => (told = go));
      if (shown.error) throw shown.error;
    };
    await until(() => shown && !shown.loading);
    for (;;) {
      const before = shown.data.executions;
      yield before;
      await watched.fetchMore({ variables: { after: before.pageInfo.endCursor } });
      await until(() => shown.error || (!shown.loading && shown.data.executions !== before));
    }
  },

  async *urql() {
    const { client } = await load("client.js");
    for (let after = null; ; ) {
      const { data, error } = await client.query(query(), { ...variables, after }).toPromise();
      if (error) throw error;
      yield data.executions;
      after = data.executions.pageInfo.endCursor;
    }
  },

  async *relay() {
    const { createOperationDescriptor, fetchQuery, getRequest, getFragment, getSingularSelector } = (
      await import("relay-runtime")
    ).default;
    const { environment } = await load("src/environment.js");
    const { default: list } = await load("src/__generated__/ListQuery.graphql.js");
    const { default: pagination } = await load("src/__generated__/ListPaginationQuery.graphql.js");
    const { default: page } = await load("src/__generated__/List_executions.graphql.js");
    const operation = createOperationDescriptor(getRequest(list), variables);
    environment.retain(operation);
    await fetchQuery(environment, list, variables).toPromise();
    for (;;) {
      const root = environment.lookup(operation.fragment).data;
      const { data, isMissingData } = environment.lookup(getSingularSelector(getFragment(page), root));
      if (isMissingData) throw new Error("Relay misses data");
      yield data.executions;
      const after = data.executions.pageInfo.endCursor;
      await fetchQuery(environment, pagination, { ...variables, after }).toPromise();
    }
  },
};

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (what) => new Promise((written) => process.stdout.write(JSON.stringify(what) + "\n", written));
for await (const list of clients[name]()) {
  const { edges, pageInfo, partial, sources } = list;
  const states = Object.fromEntries(sources.map((report) => [report.source.name, report.state]));
  if (!pageInfo.hasNextPage) {
    await say({ edges: edges.map((edge) => edge.node), partial, states });
    break;
  }
  await say({ count: edges.length, partial, states });
  await answers.next();
}
process.exit(0);
