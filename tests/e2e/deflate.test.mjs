// permessage-deflate: the official client (whose `ws` offers it, as browsers do) against a daemon that has it
// turned on. What arrives is the same; only the bytes on the wire are fewer.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { closeClients, connect } from "./support/client.mjs";
import { crierOnly, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const ON = { CRIER_WEBSOCKET_DEFLATE: "true", CRIER_SERVER_WORKERS: "1" };
const data = (size) => ({ list: Array.from({ length: size / 50 }, (_, n) => ({ id: n * 7919, name: "état", tags: ["open", "urgent"] })) });

const socketOf = (client) => client.socket.io.engine.transport.ws;
const bytesRead = (client) => socketOf(client)._socket.bytesRead;
const deflated = async (server) => Number(/^crier_deflated_total (\d+)$/m.exec((await server.get("/metrics")).text)[1]);

describe("permessage-deflate", { skip: crierOnly }, () => {
  let server;
  before(async () => {
    server = await startServer({ env: ON });
  });
  after(() => server?.stop());
  afterEach(closeClients);

  test("is not in the 101 unless it is turned on", async () => {
    const off = await startServer();
    try {
      const client = await connect(off, { user: "ada" });
      assert.equal(socketOf(client).extensions, "");
      await off.publish("alpha", "r1", { data: data(20_000) });
      assert.deepEqual((await client.received("r1")).envelope.data, data(20_000));
      assert.ok(bytesRead(client) > 10_000);
    } finally {
      closeClients();
      await off.stop();
    }
  });

  test("large events arrive intact in fewer bytes, compressed once for all", async () => {
    const clients = await Promise.all(["ada", "ben", "ada"].map((user) => connect(server, { user })));
    const compressed = await deflated(server);
    for (const client of clients) assert.equal(socketOf(client).extensions, "permessage-deflate");
    const before = clients.map(bytesRead);
    let sent = 0;
    for (const [index, size] of [100, 2_000, 20_000, 200_000].entries()) {
      await server.publish("alpha", `large${index}`, { data: data(size) });
      sent += JSON.stringify(data(size)).length;
      for (const client of clients) assert.deepEqual((await client.received(`large${index}`)).envelope.data, data(size));
    }
    for (const [index, client] of clients.entries()) assert.ok(bytesRead(client) - before[index] < sent / 4);
    assert.equal((await deflated(server)) - compressed, 3, "each that is long enough, once");
  });

  test("members that do not offer it, and those over polling, get the same", async () => {
    const clients = await Promise.all([
      connect(server, { user: "ada" }),
      connect(server, { user: "ben", perMessageDeflate: false }),
      connect(server, { user: "ada", via: "polling" }),
      connect(server, { user: "ben" }),
    ]);
    assert.equal(socketOf(clients[1]).extensions, "");
    const requestIds = Array.from({ length: 30 }, (_, n) => `mixed${n}`);
    for (const [n, requestId] of requestIds.entries()) await server.publish("alpha", requestId, { data: data(n * 400) });
    await Promise.all(clients.map((client) => client.received("mixed29")));
    for (const client of clients) {
      assert.deepEqual(client.requestIds, requestIds);
      assert.deepEqual(client.seen.at(-1).envelope.data, data(29 * 400));
      assert.equal(client.connections, 1);
    }
    assert.ok(bytesRead(clients[1]) > 2 * bytesRead(clients[0]));
  });

  test("events after an upgrade from polling are compressed", async () => {
    const client = await connect(server, { user: "ada", via: "upgrade" });
    assert.equal(socketOf(client).extensions, "permessage-deflate");
    await server.publish("alpha", "u0");
    await client.received("u0"); // the upgrade is done on both sides
    const before = bytesRead(client);
    await server.publish("alpha", "u1", { data: data(50_000) });
    assert.deepEqual((await client.received("u1")).envelope.data, data(50_000));
    assert.ok(bytesRead(client) - before < 25_000);
  });

  test("what is sent again is compressed", async () => {
    const first = await connect(server, { user: "cleo" });
    await server.publish("beta", "a0");
    const { envelope } = await first.received("a0");
    first.close();
    for (let n = 1; n <= 5; n += 1) await server.publish("beta", `a${n}`, { data: data(20_000) });
    const compressed = await deflated(server);
    for (let round = 0; round < 2; round += 1) {
      const back = await connect(server, { user: "cleo", lastEventTimestamp: Date.parse(envelope.timestamp) });
      await back.received("a5");
      assert.deepEqual(back.requestIds.slice(-5), ["a1", "a2", "a3", "a4", "a5"]);
      assert.deepEqual(back.seen.at(-1).envelope.data, data(20_000));
      assert.ok(bytesRead(back) < 60_000);
    }
    assert.equal((await deflated(server)) - compressed, 5, "once for both");
  });

  test("what the client compresses is understood", async () => {
    const auth = { token: tokenFor("ada"), filling: "x".repeat(50_000) };
    const client = await connect(server, { user: "ada", auth });
    assert.ok(socketOf(client)._socket.bytesWritten < 5_000);
  });

  test("a message that inflates beyond the bound closes its connection alone", async () => {
    const other = await connect(server, { user: "ben" });
    const client = await connect(server, { user: "ada", reconnection: false });
    const code = new Promise((done) => socketOf(client).once("close", done));
    socketOf(client).send("x".repeat(1_000_001), { compress: true });
    assert.equal(await code, 1009);
    await server.publish("alpha", "still");
    await other.received("still");
    assert.equal(other.connections, 1);
  });
});

const missing = !existsSync(executablePath);
if (missing) console.log("NOT RUN: chromium");

describe("permessage-deflate in Chromium", { skip: crierOnly || (missing && "chromium is not installed"), timeout: 60_000 }, () => {
  let server;
  let browser;
  before(async () => {
    server = await startServer({ dev: true, env: ON });
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("a page's client, which upgrades from polling, gets large events intact", async () => {
    const page = await browser.newPage();
    await page.goto(`${server.url}/`);
    await page.waitForFunction(() => document.querySelector("#user").options.length > 1);
    const token = tokenFor("ada");
    await page.evaluate((auth) => {
      window.seen = [];
      window.client = window.io({ auth, forceNew: true });
      window.client.on("request:created", (envelope) => window.seen.push(envelope));
    }, { token });
    await page.waitForFunction(() => window.client.connected && window.client.io.engine.transport.name === "websocket");
    assert.equal(await page.evaluate(() => window.client.io.engine.transport.ws.extensions.split(";")[0]), "permessage-deflate");
    const compressed = await deflated(server);
    for (const [n, size] of [100, 20_000, 500_000].entries()) {
      await server.publish("alpha", `page${n}`, { data: data(size) });
      const got = await page.waitForFunction((id) => window.seen.find(({ requestId }) => requestId === id)?.data, `page${n}`);
      assert.deepEqual(await got.jsonValue(), data(size));
    }
    await until(async () => (await deflated(server)) - compressed === 2);
    await page.evaluate(({ token: own }) => {
      window.second = window.io({ transports: ["websocket"], forceNew: true, auth: { token: own, filling: "x".repeat(50_000) } });
    }, { token });
    await page.waitForFunction(() => window.second.connected);
  });
});
