// The demo page in headless Chromium: two pages, two users, one shared program.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { startServer } from "./support/server.mjs";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const missing = !existsSync(executablePath);
if (missing) console.log("NOT RUN: chromium");

const ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
  "--disable-component-update", "--disable-default-apps", "--disable-extensions", "--disable-sync",
  "--no-first-run", "--no-default-browser-check",
];

describe("the demo page", { skip: missing && "chromium is not installed", timeout: 240_000 }, () => {
  let server;
  let browser;
  let complaints;
  let contexts;

  before(async () => {
    server = await startServer({ dev: true });
    browser = await chromium.launch({ executablePath, args: ARGUMENTS });
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** A page as one user would have it, and what goes wrong on it. */
  async function openPage(options = {}) {
    complaints ??= [];
    contexts ??= [];
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const leaves = (url) => !url.startsWith(server.url) && !url.startsWith(server.url.replace("http", "ws")) && !url.startsWith("data:");
    page.on("request", (request) => leaves(request.url()) && complaints.push(`left the origin: ${request.url()}`));
    page.on("websocket", (socket) => leaves(socket.url()) && complaints.push(`left the origin: ${socket.url()}`));
    page.on("pageerror", (error) => complaints.push(String(error)));
    // Leaving while the upgrade is still under way, the client itself closes a WebSocket that is not yet open.
    const givenUp = (text) => text.includes("WebSocket is closed before the connection is established");
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) && !givenUp(message.text())) complaints.push(message.text());
    });
    await page.goto(`${server.url}/`);
    await page.waitForFunction(() => document.querySelector("#user").options.length > 1);
    return page;
  }

  afterEach(async () => {
    for (const context of contexts ?? []) await context.close();
    const found = complaints;
    contexts = complaints = undefined;
    assert.deepEqual(found ?? [], [], "no request leaves the origin, nothing is logged as an error");
  });

  const connectAs = async (page, user) => {
    await page.selectOption("#user", user);
    await page.waitForSelector('#state[data-state="connected"]');
    await page.waitForFunction(() => document.querySelector("#transport").textContent === "WebSocket");
  };
  const publishFrom = async (page, program, requestId, event = "request:created") => {
    await page.selectOption("#program", program);
    await page.selectOption("#event", event);
    await page.fill("#request-id", requestId);
    await page.click("#send");
    await page.waitForSelector('#publish-result[data-tone="good"]');
  };
  const shown = (page) =>
    page.$$eval("#events li", (items) => items.map(({ dataset }) => (dataset.caughtUp === "true" ? "+" : "") + dataset.requestId));
  const waitFor = (page, requestId) => page.waitForSelector(`#events li[data-request-id="${requestId}"]`);

  test("two users: each sees the events of its programs, newest first", async () => {
    const [ben, cleo] = [await openPage(), await openPage()];
    await connectAs(ben, "ben");
    await connectAs(cleo, "cleo");
    assert.equal(await ben.textContent("#programs"), "alpha, beta, gamma");
    assert.equal(await cleo.textContent("#programs"), "beta");
    await publishFrom(ben, "alpha", "A-1");
    await publishFrom(cleo, "beta", "B-1", "comment:added");
    await publishFrom(ben, "gamma", "G-1");
    await publishFrom(ben, "beta", "B-2");
    await Promise.all([waitFor(ben, "B-2"), waitFor(cleo, "B-2")]);
    assert.deepEqual(await shown(ben), ["B-2", "G-1", "B-1", "A-1"]);
    assert.deepEqual(await shown(cleo), ["B-2", "B-1"]);
    const item = await cleo.textContent('#events li[data-request-id="B-1"]');
    for (const part of ["comment:added", "beta", "B-1", "Cleo Sol", "A new bell for the tower"]) assert.ok(item.includes(part), item);
    assert.equal(await cleo.inputValue("#request-id"), "B-2", "the next request id is ready");
  });

  test("after a cut and a reconnect the page shows what was caught up", async () => {
    const [ben, cleo] = [await openPage(), await openPage()];
    await connectAs(ben, "ben");
    await connectAs(cleo, "cleo");
    await publishFrom(ben, "beta", "C-1");
    await waitFor(cleo, "C-1");
    await cleo.click("#cut");
    await cleo.waitForSelector('#state[data-state="idle"]');
    for (const id of ["C-2", "C-3"]) await publishFrom(ben, "beta", id);
    await publishFrom(ben, "alpha", "not-hers");
    await cleo.click("#reconnect");
    await waitFor(cleo, "C-3");
    await publishFrom(ben, "beta", "C-4");
    await waitFor(cleo, "C-4");
    assert.deepEqual(await shown(cleo), ["C-4", "+C-3", "+C-2", "C-1"]);
    assert.match(await cleo.textContent("#notice"), /Caught up 2 events/);
    assert.equal(await cleo.locator("#events .tag").count(), 2);
  });

  test("a change of the user leaves nothing of the last one", async () => {
    const page = await openPage();
    await connectAs(page, "ada");
    await publishFrom(page, "alpha", "D-1");
    await waitFor(page, "D-1");
    await connectAs(page, "cleo");
    assert.deepEqual(await shown(page), []);
    await publishFrom(page, "alpha", "D-2");
    await publishFrom(page, "beta", "D-3");
    await waitFor(page, "D-3");
    assert.deepEqual(await shown(page), ["D-3"]);
  });

  test("a refusal is shown with its words", async () => {
    const page = await openPage();
    // dora is inactive; only a server that lists her offers her.
    const offered = await page.$$eval("#user option", (options) => options.map(({ value }) => value));
    if (!offered.includes("dora")) return;
    await page.selectOption("#user", "dora");
    await page.waitForSelector('#state[data-state="refused"]');
    assert.match(await page.textContent("#state-text"), /User not found or inactive/);
  });

  test("data that is not JSON, or not an object, is told at the field", async () => {
    const page = await openPage();
    await connectAs(page, "ada");
    await page.fill("#data", "{ nope");
    await page.click("#send");
    await page.waitForSelector('#publish-result[data-tone="bad"]');
    assert.equal(await page.getAttribute("#data", "aria-invalid"), "true");
    assert.equal(await page.evaluate(() => document.activeElement.id), "data");
    await page.fill("#data", "[1]");
    assert.equal(await page.getAttribute("#data", "aria-invalid"), null);
    await page.click("#send");
    await page.waitForSelector('#data[aria-invalid="true"]');
    assert.match(await page.textContent("#publish-result"), /\/data/);
    // Chromium logs each answer of 400 and more; this one was wanted.
    complaints = complaints.filter((text) => !/422/.test(text));
  });

  test("the keyboard alone is enough: choose, publish, cut, reconnect", async () => {
    const page = await openPage();
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.className);
    const tabTo = async (id) => {
      for (let i = 0; i < 20 && (await focused()) !== id; i += 1) await page.keyboard.press("Tab");
      assert.equal(await focused(), id);
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.notEqual(outline, "none", `${id} shows its focus`);
    };
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "skip");
    await tabTo("user");
    await page.keyboard.type("Ben");
    await page.keyboard.press("Enter");
    await page.waitForSelector('#state[data-state="connected"]');
    await tabTo("request-id");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("K-1");
    await page.keyboard.press("Enter");
    await waitFor(page, "K-1");
    await page.evaluate(() => document.querySelector("#user").focus());
    await tabTo("cut");
    await page.keyboard.press("Enter");
    await page.waitForSelector('#state[data-state="idle"]');
    assert.equal(await focused(), "reconnect");
    await page.keyboard.press("Enter");
    await page.waitForSelector('#state[data-state="connected"]');
    assert.equal(await focused(), "cut");
  });

  test("everything has a name, one h1, and live regions", async () => {
    const page = await openPage();
    const unnamed = await page.$$eval("input, select, textarea, button", (fields) =>
      fields.filter((field) => !field.labels?.length && !field.textContent.trim() && !field.ariaLabel).map(({ id }) => id),
    );
    assert.deepEqual(unnamed, []);
    assert.equal(await page.locator("h1").count(), 1);
    assert.ok((await page.locator("[role=status], [aria-live]").count()) >= 3);
    assert.equal(await page.getAttribute("html", "lang"), "en");
  });

  for (const colorScheme of ["light", "dark"]) {
    for (const width of [360, 1280]) {
      test(`${width} px, ${colorScheme}: no sideways scrolling, text is readable`, async () => {
        const page = await openPage({ viewport: { width, height: 800 }, colorScheme });
        await connectAs(page, "ben");
        await page.fill("#data", JSON.stringify({ long: "x".repeat(400), deep: { a: [1, 2, 3] } }));
        await publishFrom(page, "alpha", `W-${"w".repeat(100)}`);
        await page.waitForSelector("#events li");
        const { scroll, inner } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, inner: innerWidth }));
        assert.ok(scroll <= inner, `${scroll} > ${inner}`);
        await page.waitForTimeout(300); // the arrival's fade ends
        const poor = await page.evaluate(contrasts);
        assert.deepEqual(poor, []);
        const [r, g, b] = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
        assert.equal(r + g + b > 384, colorScheme === "light");
      });
    }
  }

  test("what the page loads forbids inline code and other origins", async () => {
    const page = await openPage();
    const answer = await server.get("/");
    const policy = answer.headers["content-security-policy"];
    assert.match(policy, /default-src 'self'|default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval|\*/);
    assert.equal(await page.locator("script:not([src]), style, [style], [onclick]").count(), 0);
  });

  test("a server that goes away and comes back is waited for", async () => {
    const own = await startServer({ dev: true });
    const page = await (await browser.newContext()).newPage();
    try {
      await page.goto(`${own.url}/`);
      await page.waitForFunction(() => document.querySelector("#user").options.length > 1);
      await connectAs(page, "ada");
      await own.stop("SIGTERM");
      await page.waitForSelector('#state[data-state="waiting"]');
      const again = await startServer({ dev: true, port: own.port });
      await page.waitForSelector('#state[data-state="connected"]');
      await again.stop();
    } finally {
      await page.context().close();
    }
  });
});

/** In the page: texts whose contrast with their background is below 4.5 : 1 (WCAG 2.2, 1.4.3). */
function contrasts() {
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const colour = (text) => text.match(/[\d.]+/g).map(Number);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a = 1] = colour(getComputedStyle(at).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest("noscript, .unseen, .skip, :disabled, option") || !element.checkVisibility()) continue;
    const [light, dark] = [luminance(colour(getComputedStyle(element).color)), luminance(ground(element))].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < 4.5) poor.push(`${element.tagName} "${element.textContent.trim().slice(0, 20)}" ${ratio.toFixed(2)}`);
  }
  return poor;
}
