// Drives Chromium, cut off from every network but loopback, through one scenario: node browser.mjs SCENARIO JSON.
// What it prints is for the test that runs it; it ends with status 1 where something is not as it should be.
import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

import * as board from "./board.mjs";
import * as graphiql from "./graphiql.mjs";
import * as start from "./start.mjs";

const PATIENCE = 30000;
const scenarios = { ...board, ...graphiql, ...start };
const [name, json] = process.argv.slice(2);
const given = JSON.parse(json);
const lines = createInterface({ input: process.stdin });

/** A page that nothing foreign may come from, and that may break no policy: `check` tells. */
async function newPage(browser, base) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const wrongs = [];
  page.setDefaultTimeout(PATIENCE);
  await page.setViewport({ width: 1440, height: 900 });
  await page.evaluateOnNewDocument(() =>
    addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)),
  );
  page.on("pageerror", (error) => wrongs.push(`thrown: ${error.stack ?? error}`));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !given.expected?.some((one) => text.includes(one))) wrongs.push(`console: ${text}`);
  });
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (!["data:", "blob:"].includes(protocol) && origin !== base) wrongs.push(`foreign: ${request.url()}`);
  });
  const check = () => assert.deepEqual(wrongs, []);
  return { page, check };
}

const browser = await puppeteer.launch({
  executablePath: given.chromium,
  args: [
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    // Chromium's own sandbox refuses to work for root, as in containers.
    ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
  ],
});
// The test stops us by a signal, of which puppeteer takes the browser down and nothing else.
const stopped = () => process.exit(1);
browser.on("disconnected", stopped);
const { page, check } = await newPage(browser, given.base);
try {
  const tools = {
    ...given,
    browser,
    page,
    newPage: () => newPage(browser, given.base),
    shot: (file) => page.screenshot({ path: join(given.screenshots, `${file}.png`) }),
    text: (selector) => page.$eval(selector, (element) => element.textContent),
    count: (selector) => page.$$eval(selector, (found) => found.length),
    /** Tells the test that it is its turn, and waits until it has done its part. */
    turn: async (word) => {
      const answer = once(lines, "line");
      console.log(word);
      await answer;
    },
  };
  await scenarios[name](tools);
  check();
} catch (error) {
  await page.screenshot({ path: join(given.screenshots, `failed-${name}.png`) });
  throw error;
} finally {
  lines.close();
  process.stdin.destroy();
  browser.off("disconnected", stopped);
  await browser.close();
}
