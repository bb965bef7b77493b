// GraphiQL over the endpoint that the page names in data-endpoint, with its examples as tabs and links that can be shared.
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "@graphiql/plugin-explorer/style.css";
import "./graphiql.css";

import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { ToolbarButton, useGraphiQL } from "@graphiql/react";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { useState } from "react";
import { createRoot } from "react-dom/client";

const place = document.getElementById("graphiql");
const at = (name) => new URL(place.dataset[name], document.baseURI);
const workers = { graphql: at("graphqlWorker"), json: at("jsonWorker"), editor: at("editorWorker") };

globalThis.MonacoEnvironment = { getWorker: (_id, label) => new Worker(workers[label] ?? workers.editor) };

function fetcherWith(key) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const socket = at("endpoint");
  socket.protocol = socket.protocol.replace("http", "ws");
  return createGraphiQLFetcher({
    url: at("endpoint").href,
    subscriptionUrl: socket.href,
    wsConnectionParams: headers,
    headers,
    enableIncrementalDelivery: false,
    fetch: async (...request) => {
      const answer = await fetch(...request);
      if (answer.status === 401) dispatchEvent(new CustomEvent("gateway:unauthenticated"));
      return answer;
    },
  });
}

async function json(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url.pathname}: ${answer.status}`);
  return answer.json();
}

// The id of an execution whose log an example can follow: of one that runs, if there is any. Empty where nobody answers.
async function someExecution(fetcher, { text }) {
  try {
    const { data } = await fetcher({ query: text });
    const edges = [...(data.running?.edges ?? []), ...(data.recent?.edges ?? [])];
    return edges.find(({ node }) => node.source.capabilities.logs)?.node.id ?? "";
  } catch {
    return "";
  }
}

// ${midnight} in an example's variables is the last one on the reader's clock, ${execution} one that has a log.
async function readExamples(fetcher) {
  const [examples, documents] = await Promise.all([json(at("examples")), json(at("documents"))]);
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const used = firstVisit() || location.hash.includes("example=");
  const execution = used ? await someExecution(fetcher, documents.SomethingWithALog) : "";
  const values = { midnight: midnight.toISOString(), execution };
  return examples.map(({ name, title, variables }) => ({
    name,
    query: `# ${title}\n${documents[name].text}`,
    variables: variables && JSON.stringify(variables, null, 2).replace(/\$\{(\w+)\}/g, (_, value) => values[value]),
  }));
}

// #example=NAME, or #query=TEXT&variables=JSON: behind the hash sign, because queries are nobody's business on the way.
function linked(examples) {
  const link = new URLSearchParams(location.hash.slice(1));
  if (link.has("query")) return { query: link.get("query"), variables: link.get("variables") ?? undefined };
  return examples.find(({ name }) => name === link.get("example"));
}

// The history would keep headers, and with them credentials, whatever shouldPersistHeaders says.
const HISTORY = new Set(["graphiql:queries", "graphiql:favorites"]);
const withoutHeaders = (text) => JSON.stringify(JSON.parse(text), (name, value) => (name === "headers" ? undefined : value));
const storage = {
  getItem: (name) => localStorage.getItem(name),
  setItem: (name, text) => localStorage.setItem(name, HISTORY.has(name) ? withoutHeaders(text) : text),
  removeItem: (name) => localStorage.removeItem(name),
  clear: () => Object.keys(localStorage).forEach((name) => name.startsWith("graphiql:") && localStorage.removeItem(name)),
  get length() {
    return Object.keys(localStorage).filter((name) => name.startsWith("graphiql:")).length;
  },
};

const firstVisit = () => localStorage.getItem("graphiql:tabState") === null;

function LinkButton() {
  const [copied, setCopied] = useState(false);
  const [query, variables] = useGraphiQL((state) => [state.queryEditor, state.variableEditor]);
  async function copy() {
    const link = new URLSearchParams({ query: query.getValue() });
    if (variables?.getValue().trim()) link.set("variables", variables.getValue());
    history.replaceState(null, "", `#${link}`);
    // Without permission, or without TLS, the address bar has the link all the same.
    await navigator.clipboard?.writeText(location.href).catch(() => undefined);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  }
  return (
    <ToolbarButton label={copied ? "The link is in the address bar" : "Make a link to this query"} onClick={copy}>
      <svg className="graphiql-toolbar-icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
        <path d="M10 14a4.5 4.5 0 0 0 6.4 0l3-3a4.5 4.5 0 0 0-6.4-6.4l-1 1M14 10a4.5 4.5 0 0 0-6.4 0l-3 3A4.5 4.5 0 0 0 11 19.4l1-1" />
      </svg>
    </ToolbarButton>
  );
}

const explorer = explorerPlugin({ showAttribution: false });

function Page({ examples, fetcher }) {
  const shared = linked(examples);
  const tabs = shared ? [shared, ...examples.filter((example) => example !== shared)] : examples;
  // Without this, the first tab of a first visit would come without its variables.
  const first = shared ?? (firstVisit() ? tabs[0] : undefined);
  return (
    <GraphiQL
      fetcher={fetcher}
      plugins={[HISTORY_PLUGIN, explorer]}
      defaultTabs={tabs}
      initialQuery={first?.query}
      initialVariables={first?.variables}
      storage={storage}
      shouldPersistHeaders={false}
      showPersistHeadersSettings={false}
      defaultEditorToolsVisibility="variables"
      inputValueDeprecation
      schemaDescription
    >
      <GraphiQL.Logo>
        <a href={at("home").href}>execution-gateway</a>
        <a href={at("board").href}>Board</a>
        <button type="button" data-api-key="">API key</button>
      </GraphiQL.Logo>
      <GraphiQL.Toolbar>
        {({ prettify, merge, copy }) => (
          <>
            {prettify}
            {merge}
            {copy}
            <LinkButton />
          </>
        )}
      </GraphiQL.Toolbar>
    </GraphiQL>
  );
}

addEventListener("hashchange", () => location.reload());
const fetcher = fetcherWith(sessionStorage.getItem(place.dataset.keyName));
readExamples(fetcher).then(
  (examples) => createRoot(place).render(<Page examples={examples} fetcher={fetcher} />),
  (error) => {
    place.textContent = `GraphiQL cannot start: ${error.message}`;
  },
);
