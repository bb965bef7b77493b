import assert from "node:assert/strict";

const answered = () => /answer/.test(document.getElementById("verdict").textContent);

/** Everything is up: sources, questions, ways in. */
export async function startPage({ base, page, shot, text, count }) {
  await page.goto(`${base}/`);
  await page.waitForFunction(answered);
  assert.equal(await text("#verdict"), "All 5 sources answer.");
  assert.deepEqual(await page.$$eval("[data-source]", (cards) => cards.map((card) => [card.dataset.source, card.className])), [
    ["aws-iot", "UP"],
    ["awx", "UP"],
    ["ctl-runner", "UP"],
    ["scale", "UP"],
    ["threatconnect", "UP"],
  ]);
  assert.equal(await count("#questions a"), 5);
  for (const link of await page.$$eval(".ways a", (links) => links.map(({ href }) => href))) {
    const { status } = await page.evaluate(async (href) => ({ status: (await fetch(href)).status }), link);
    assert.equal(status, 200, link);
  }
  await shot("start-light");
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  await shot("start-dark");
  await page.click("#questions a");
  await page.waitForSelector(".graphiql-execute-button");
}

/** One source cannot be reached: it is said here and on the board, and the others are shown. */
export async function sourceDown({ base, page, shot, text, down }) {
  await page.goto(`${base}/`);
  await page.waitForFunction(answered);
  await page.waitForSelector(`[data-source="${down}"].DOWN .problem`);
  assert.match(await text("#verdict"), new RegExp(`1 of 2 sources answer\\. Lists are partial without ${down}\\.`));
  await shot("start-source-down");
  await page.goto(`${base}/board`);
  await page.waitForSelector(`#reports [data-source="${down}"].FAILED`);
  await page.waitForSelector(".bar");
  await shot("board-source-down");
}

/** Without a key the pages load and ask for one; with it they, and their subscriptions, work. */
export async function apiKey({ base, key, page, shot, newPage }) {
  await page.goto(`${base}/`);
  const field = await page.waitForSelector("dialog[open] #api-key");
  await shot("api-key");
  await field.type("wrong");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await page.waitForFunction(() => /does not know this key/.test(document.querySelector("dialog[open]")?.textContent));
  await page.$eval("#api-key", (input) => (input.value = ""));
  await page.type("#api-key", key);
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await page.waitForFunction(answered);
  await page.click(".ways [data-with-key]");
  await page.waitForFunction(() => location.protocol === "blob:" && /# HELP/.test(document.body.textContent));
  await page.goto(`${base}/board`);
  await page.waitForFunction(() => /^Live/.test(document.getElementById("live").textContent));
  await page.goto(`${base}/graphiql#query=${encodeURIComponent("{ sources { name } }")}`);
  await page.waitForSelector(".graphiql-execute-button");
  await page.click(".graphiql-execute-button");
  await page.waitForFunction(() => /alpha/.test(document.querySelector(".result-window").textContent));
  // The key is of that tab alone.
  const other = await newPage();
  await other.page.goto(`${base}/graphiql`);
  await other.page.waitForSelector("dialog[open] #api-key");
}
