import assert from "node:assert/strict";

const settled = () => !document.querySelector("#timeline[aria-busy]") && document.querySelector(".bar");
const looks = (page) => page.$$eval(".bar", (bars) => [...new Set(bars.map(({ classList }) => classList[1]))].sort());
const groups = (page) => page.$$eval(".group .label", (labels) => labels.map(({ textContent }) => textContent));

async function load(page, address) {
  await page.goto(address);
  await page.waitForFunction(settled);
}

/** The demo's story: one bad release, in every system in the same hour. */
export async function story({ base, page, shot, text }) {
  await load(page, `${base}/board`);
  assert.deepEqual(await groups(page), ["aws-iot", "awx", "ctl-runner", "scale", "threatconnect"]);
  assert.deepEqual(await page.$$eval("#reports li", (items) => items.map(({ className }) => className)), ["OK", "OK", "OK", "OK", "OK"]);
  assert.match(await text("#summary"), /\d+ executions, \d+ failed/);
  await page.waitForFunction(() => /^Live/.test(document.getElementById("live").textContent));
  await shot("board-light");
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  await shot("board-dark");

  // Filters: status, text, grouping; the address keeps them.
  await page.click('#statuses [data-look="failed"]');
  await page.waitForFunction(() => document.querySelector(".bar.failed") && !document.querySelector(".bar:not(.failed)"));
  await page.type("#q", "checkout");
  await page.waitForFunction(() => new URLSearchParams(location.search).get("q") === "checkout");
  await page.waitForFunction(settled);
  await page.select("#by", "job");
  await page.waitForFunction(() => [...document.querySelectorAll(".group .label")].some(({ textContent }) => /checkout/.test(textContent)));
  const hit = await page.$$eval(".group", (all) => [...new Set(all.map((one) => one.querySelector(".of").firstChild.textContent))]);
  assert.deepEqual(hit.sort(), ["aws-iot", "awx", "ctl-runner", "scale", "threatconnect"].filter((name) => hit.includes(name)));
  assert.ok(hit.length >= 4, `the release failed in ${hit}`);
  await shot("board-filtered-by-job");
  await load(page, page.url());
  assert.deepEqual(await looks(page), ["failed"]);
  assert.equal(await page.$eval("#q", ({ value }) => value), "checkout");

  await load(page, `${base}/board?by=node&last=PT6H`);
  const nodes = await groups(page);
  assert.ok(nodes.length > 5 && nodes.some((name) => /^till-|^kiosk|^GW_/.test(name)) && nodes.some((name) => /exec-/.test(name)), nodes.join());
  await shot("board-by-node");

  // No more than a page at once; older ones when asked for.
  await load(page, `${base}/board?last=P14D`);
  const before = Number(/\d+/.exec(await text("#summary")));
  await page.click("#older");
  await page.waitForFunction((had) => Number(/\d+/.exec(document.getElementById("summary").textContent)) > had, {}, before);
  await shot("board-fortnight");
}

/** All of it by keyboard: into the bars, along and across, open, close, and back where one was. */
export async function keyboard({ base, page, shot }) {
  await load(page, `${base}/board?status=failed&by=source`);
  const focused = () => page.evaluate(() => document.activeElement.dataset.id ?? null);
  const press = async (key) => {
    await page.keyboard.press(key);
    return focused();
  };
  await page.focus("#older, #statuses button:last-child");
  for (let presses = 0; presses < 5 && !(await focused()); presses++) await page.keyboard.press("Tab");
  const first = await focused();
  assert.ok(first, "Tab comes to a bar");
  const second = await press("ArrowRight");
  assert.notEqual(second, first);
  assert.equal(await press("ArrowLeft"), first);
  const last = await press("End");
  assert.notEqual(last, first);
  assert.equal(await press("Home"), first);
  const below = await press("ArrowDown");
  assert.ok(below !== first, "down goes to another bar");
  assert.equal(await page.$eval(":focus", (bar) => bar.getAttribute("aria-label").split(", ")[1]), "Failed");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#details:not([hidden]) h2");
  await page.waitForFunction(() => document.getElementById("details").contains(document.activeElement));
  await page.waitForSelector(".about .links");
  await shot("board-details");
  assert.equal(new URL(page.url()).searchParams.get("id"), below);
  assert.equal(await press("Escape"), below);
  assert.equal(await page.$eval("#details", ({ hidden }) => hidden), true);
  // A link to an execution opens it.
  await load(page, `${base}/board?status=failed&id=${below}`);
  await page.waitForSelector("#details:not([hidden]) .about dl");
}

/** An execution appears, is opened, writes its log, and ends, all while one looks. */
export async function live({ base, page, shot, text, turn }) {
  await page.goto(`${base}/board`);
  await page.waitForFunction(() => /^Live/.test(document.getElementById("live").textContent));
  await page.waitForSelector('#reports [data-source="alpha"].OK');
  await turn("looking");
  const bar = await page.waitForSelector(".bar.active");
  await bar.click();
  await page.waitForFunction(() => /following/.test(document.querySelector(".log-state").textContent));
  await turn("open");
  await page.waitForFunction(() => /the second line/.test(document.querySelector(".log").textContent));
  await shot("board-follows-a-log");
  await turn("following");
  await page.waitForSelector(".bar.failed");
  await page.waitForFunction(() => /complete/.test(document.querySelector(".log-state").textContent));
  await page.waitForFunction(() => /failed/.test(document.querySelector("#details .badge").textContent));
  assert.deepEqual(await page.$$eval(".log li", (lines) => lines.map(({ lastChild }) => lastChild.textContent)), [
    "the first line",
    "the second line",
    "<b>the last line</b>",
  ]);
  await turn("ended");
  await page.waitForSelector('#reports [data-source="alpha"].FAILED');
  await turn("down");
  await page.waitForSelector('#reports [data-source="alpha"].OK');
  assert.equal(await text(".group .label"), "alpha");
}
