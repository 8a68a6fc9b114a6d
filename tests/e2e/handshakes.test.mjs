// More clients come at once than the server wants to let in: the rest is told to come back, and does.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Client, closeClients, TRANSPORTS } from "./support/client.mjs";
import { exchange } from "./support/exchange.mjs";
import { crierOnly, startServer } from "./support/server.mjs";

const ORIGIN = "http://localhost:5173";
const PATH = "/socket.io/?EIO=4&transport=";

async function deferred(server) {
  const { text } = await server.get("/metrics");
  return Number(/^crier_handshakes_deferred_total (\d+)$/m.exec(text)[1]);
}

function limited(perSecond, burst) {
  return { CRIER_ENGINE_HANDSHAKES_PER_SECOND: String(perSecond), CRIER_ENGINE_HANDSHAKES_BURST: String(burst) };
}

describe("handshakes beyond the bound", { skip: crierOnly }, () => {
  afterEach(closeClients);

  for (const via of Object.keys(TRANSPORTS)) {
    test(`the official client comes back by itself over ${via}`, async (t) => {
      const server = await startServer({ env: limited(20, 5) });
      t.after(() => server.stop());
      const clients = Array.from({ length: 30 }, () => new Client(server, { user: "ada", via }));
      await Promise.all(clients.map((client) => client.connected()));
      assert.ok((await deferred(server)) > 0, "some were deferred");
      for (const client of clients) {
        assert.deepEqual(client.refusals, [], "none was refused for good");
        assert.equal(client.connections, 1);
        assert.deepEqual(client.closes, [], "none was closed");
      }
      await server.publish("alpha", "to-all");
      await Promise.all(clients.map((client) => client.received("to-all")));
    });
  }

  describe("one a second, three at once", () => {
    let server;
    const sids = [];
    before(async () => {
      server = await startServer({ env: limited(1, 3) });
    });
    after(() => server?.stop());
    const upgradeRequest = (query) =>
      `GET ${PATH}websocket${query} HTTP/1.1\r\nHost: x\r\nOrigin: ${ORIGIN}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    const get = (path) => server.request("GET", path, { headers: { origin: ORIGIN } });

    test("as many as may come at once get in, and the next ones are told when to come back", async () => {
      for (let i = 0; i < 3; i += 1) {
        const { status, text } = await get(`${PATH}polling`);
        assert.equal(status, 200, `handshake ${i}`);
        sids.push(/"sid":"([^"]+)"/.exec(text)[1]);
      }
      const refused = await get(`${PATH}polling`);
      assert.equal(refused.status, 503);
      assert.match(refused.headers["retry-after"], /^[1-3]$/);
      assert.equal(refused.headers["access-control-allow-origin"], ORIGIN, "browsers may read it");
      assert.equal(refused.headers["access-control-allow-credentials"], "true");
      assert.equal(refused.json.code, "too_many_handshakes");
      const socket = await exchange(server.port, [upgradeRequest("")]);
      assert.equal(socket.status, 503);
      assert.match(socket.text, /\r\nRetry-After: [1-3]\r\n/i);
      assert.match(socket.text, /"too_many_handshakes"/);
      assert.equal(await deferred(server), 2);
    });

    test("sessions that exist are served all the same", async () => {
      const [sid] = sids;
      const posted = await server.request("POST", `${PATH}polling&sid=${sid}`, { body: "3" });
      assert.equal(posted.status, 200);
      const upgraded = await exchange(server.port, [upgradeRequest(`&sid=${sid}`)]);
      assert.equal(upgraded.status, 101);
      const polled = await exchange(server.port, [`GET ${PATH}polling&sid=${sids[1]}&t=a HTTP/1.1\r\nHost: x\r\n\r\n`], { within: 100 });
      assert.equal(polled.status, 0, "it waits for what is to come");
    });

    test("the next one gets in when its time has come", async () => {
      await pause(1_100);
      assert.equal((await get(`${PATH}polling`)).status, 200);
      assert.equal((await get(`${PATH}polling`)).status, 503);
    });
  });

  test("0 is no bound", async (t) => {
    const server = await startServer({ env: limited(0, 1) });
    t.after(() => server.stop());
    for (let i = 0; i < 50; i += 1) assert.equal((await server.get(`${PATH}polling`)).status, 200);
    assert.equal(await deferred(server), 0);
  });
});
