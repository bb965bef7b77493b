import assert from "node:assert/strict";

const EDITOR = ".graphiql-query-editor .monaco-editor textarea, .graphiql-query-editor .native-edit-context";

async function open(page, address) {
  const workers = [];
  page.on("workercreated", (worker) => workers.push(worker.url()));
  await page.goto(address);
  await page.waitForSelector(".graphiql-execute-button");
  // The schema is there when the documentation can name its root types.
  await page.waitForFunction(() => document.querySelector(".graphiql-query-editor .view-line"));
  return workers;
}

// Monaco writes spaces that do not break.
const shown = (selector) => (document.querySelector(selector)?.textContent ?? "").replaceAll("\u00a0", " ");

async function waitFor(page, selector, pattern) {
  await page.waitForFunction(
    (where, wanted) => new RegExp(wanted).test((document.querySelector(where)?.textContent ?? "").replaceAll("\u00a0", " ")),
    {},
    selector,
    pattern.source,
  );
  return page.evaluate(shown, selector);
}

async function write(page, text) {
  await page.focus(EDITOR);
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.press("Delete");
  await page.keyboard.type(text);
}

/** Each example answers as it stands. */
export async function examples({ base, page, shot }) {
  await open(page, `${base}/graphiql`);
  const tabs = await page.$$eval(".graphiql-tab-button", (buttons) => buttons.map(({ textContent }) => textContent));
  assert.deepEqual(tabs, ["WhatFailedSinceMidnight", "SlowestThisWeek", "WhatRunsOnThisNode", "TailThisLog", "WhatChangesNow"]);
  const answers = { TailThisLog: /logLines/, WhatChangesNow: /executionsUpdated/ };
  for (const [index, tab] of tabs.entries()) {
    await page.$$eval(".graphiql-tab-button", (buttons, which) => buttons[which].click(), index);
    await waitFor(page, ".graphiql-query-editor", new RegExp(`(query|subscription) ${tab}`));
    // GraphiQL reads a tab's operation a tenth of a second late, by a timer that is set before this one.
    await page.evaluate(() => new Promise((done) => setTimeout(done, 500)));
    await page.click(".graphiql-execute-button");
    const answer = await waitFor(page, ".result-window", answers[tab] ?? /executions/);
    assert.doesNotMatch(answer, /"errors"/, tab);
    await shot(`graphiql-${tab}`);
    // A subscription goes on until it is stopped.
    if (tab in answers && (await page.$('.graphiql-execute-button[aria-label^="Stop"]'))) await page.click(".graphiql-execute-button");
  }
}

/** It completes a field, which takes the schema and both workers, and runs what was written. */
export async function completes({ base, page, shot }) {
  const workers = await open(page, `${base}/graphiql#query=${encodeURIComponent("{ sources { kind } }")}`);
  await write(page, "{ sour");
  await page.keyboard.down("Control");
  await page.keyboard.press("Space");
  await page.keyboard.up("Control");
  await waitFor(page, ".suggest-widget .monaco-list-row", /sources/);
  await shot("graphiql-completes");
  await page.keyboard.press("Enter");
  await waitFor(page, ".graphiql-query-editor", /sources/);
  await write(page, "query Written { sources { name");
  await page.keyboard.down("Control");
  await page.keyboard.press("Enter");
  await page.keyboard.up("Control");
  const answer = await waitFor(page, ".result-window", /threatconnect/);
  assert.doesNotMatch(answer, /"errors"/);
  const files = new Set(workers.map((url) => new URL(url).pathname));
  assert.ok(files.has("/static/graphiql/graphql.worker.js") && files.has("/static/graphiql/editor.worker.js"), [...files].join());
}

/** The explorer writes a query, and the toolbar makes a link to it that opens elsewhere. */
export async function explorer({ base, page, shot, newPage }) {
  await open(page, `${base}/graphiql#query=${encodeURIComponent("query Explored { __typename }")}`);
  await page.click('[aria-label="Show GraphiQL Explorer"]');
  for (const field of ["sources", "displayName"]) {
    await page.waitForFunction((name) => {
      const found = [...document.querySelectorAll(".graphiql-explorer-root span")].find(({ textContent }) => textContent === name);
      found?.click();
      return Boolean(found);
    }, {}, field);
    await waitFor(page, ".graphiql-query-editor", new RegExp(field));
  }
  await waitFor(page, ".graphiql-query-editor", /query Explored \{ +sources \{ +displayName +\}/);
  await shot("graphiql-explorer");
  await page.click('[aria-label="Make a link to this query"]');
  await page.waitForFunction(() => location.hash.includes("sources"));
  const other = await newPage();
  await open(other.page, page.url());
  await waitFor(other.page, ".graphiql-query-editor", /query Explored/);
  other.check();
}

/** Headers are sent, and stay out of links and of what the browser keeps. */
export async function headers({ base, page }) {
  await open(page, `${base}/graphiql#query=${encodeURIComponent("{ sources { name } }")}`);
  await page.evaluate(() => [...document.querySelectorAll(".graphiql-editor-tools button")].find(({ textContent }) => textContent === "Headers").click());
  await page.waitForSelector(".graphiql-editor-tool .graphiql-editor:not(.hidden) .view-lines");
  await page.click(".graphiql-editor-tool .graphiql-editor:not(.hidden) .view-lines");
  await page.keyboard.type('{"X-Asked-By": "a browser');
  const [request] = await Promise.all([
    page.waitForRequest((one) => one.method() === "POST" && one.headers()["x-asked-by"] === "a browser"),
    page.click(".graphiql-execute-button"),
  ]);
  assert.ok(request);
  // The history is written once the answer is here.
  await page.waitForFunction(() => localStorage.getItem("graphiql:queries")?.includes("sources"));
  await page.click('[aria-label="Make a link to this query"]');
  assert.doesNotMatch(decodeURIComponent(page.url()), /a browser/);
  assert.doesNotMatch(await page.evaluate(() => JSON.stringify({ ...localStorage })), /a browser/);
}
