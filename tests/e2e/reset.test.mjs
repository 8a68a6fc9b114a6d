// A browser over polling whose connections are reset when the first byte of an answer would come.
// Browsers repeat a GET whose kept connection was reset, and only that.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer, connect as dial } from "node:net";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { chromium } from "playwright-core";
import { crierOnly, full, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const missing = !existsSync(executablePath);
if (missing) console.log("NOT RUN: chromium");
const bundle = join(dirname(createRequire(import.meta.url).resolve("socket.io-client/package.json")), "dist/socket.io.min.js");
const origin = "http://localhost:5173";
// The page is not of the loopback address space, the server is.
const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-features=LocalNetworkAccessChecks"];

/** Passes connections on; `every`th answer to a poll on a kept connection is swallowed and the connection reset. */
async function resetting(port, every) {
  const counts = { polls: 0, resets: 0 };
  const server = createServer((near) => {
    const far = dial(port, "127.0.0.1");
    let requests = 0;
    let isPoll = false;
    near.on("data", (bytes) => {
      requests += 1;
      isPoll = bytes.subarray(0, 64).toString("latin1").startsWith("GET /socket.io/") && bytes.includes("sid=");
      far.write(bytes);
    });
    far.on("data", (bytes) => {
      if (isPoll && requests > 1) {
        counts.polls += 1;
        if (counts.polls % every === 0) {
          counts.resets += 1;
          near.resetAndDestroy();
          far.destroy();
          return;
        }
      }
      isPoll = false;
      near.write(bytes);
    });
    near.on("error", () => {}).on("close", () => far.destroy());
    far.on("error", () => {}).on("close", () => near.destroy());
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${server.address().port}`, counts, close: () => server.close() };
}

describe("Chromium over polling", { skip: crierOnly || (missing && "chromium is not installed"), timeout: 240_000 }, () => {
  test("connections reset before the first byte of an answer: nothing lost, nothing doubled", async (t) => {
    const server = await startServer({ workers: 2, env: { CLIENT_URL: origin } });
    t.after(() => server.stop());
    const proxy = await resetting(server.port, 4);
    t.after(() => proxy.close());
    const browser = await chromium.launch({ executablePath, args: ARGUMENTS });
    t.after(() => browser.close());
    const page = await browser.newPage();
    await page.route(`${origin}/**`, (route) =>
      route.fulfill({ contentType: "text/html", body: `<!doctype html><script>${readFileSync(bundle, "utf8")}</script>` }),
    );
    await page.goto(`${origin}/`);
    await page.evaluate(
      ([url, token]) => {
        window.seen = [];
        window.told = [];
        window.closes = [];
        const socket = window.io(url, { transports: ["polling"], auth: { token }, reconnectionDelay: 20, reconnectionDelayMax: 100 });
        socket.on("connect", () => window.told.push(socket.recovered));
        socket.on("disconnect", (reason) => window.closes.push(reason));
        socket.onAny((event, envelope) => event !== "catchup" && window.seen.push(envelope.requestId));
      },
      [proxy.url, tokenFor("ada")],
    );
    await until(() => page.evaluate(() => window.told.length > 0));
    const count = full ? 1000 : 200;
    const expected = Array.from({ length: count }, (_, i) => `n${i}`);
    const state = () => page.evaluate(() => ({ seen: window.seen, told: window.told, closes: window.closes }));
    for (const [i, id] of expected.entries()) {
      await server.publish("alpha", id);
      // Few events an answer, so that there are many answers.
      if (i % 4 === 3) await until(async () => (await state()).seen.includes(id), { what: () => `${id}, ${JSON.stringify(proxy.counts)}` });
    }
    const { seen, told, closes } = await state();
    assert.ok(proxy.counts.resets >= 5, `resets: ${proxy.counts.resets}`);
    t.diagnostic(`${proxy.counts.polls} polls, ${proxy.counts.resets} resets, closes: ${closes.length}`);
    assert.deepEqual(seen, expected);
    assert.ok(told.slice(1).every(Boolean), "every return was a recovery");
  });
});
