// A client that does not read costs a bounded amount and is closed; nobody else notices, and it catches
// up when it comes back.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { closeClients, connect } from "./support/client.mjs";
import { RawClient } from "./support/raw_client.mjs";
import { crierOnly, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";

describe("clients that do not read", { skip: crierOnly }, () => {
  let server;
  before(async () => {
    server = await startServer();
  });
  after(() => server?.stop());
  afterEach(closeClients);

  test("they are closed at their bound, others get everything, and memory stays", { timeout: 60_000 }, async (t) => {
    const reader = await connect(server, { user: "ben" });
    const slow = [];
    for (let i = 0; i < 20; i += 1) {
      const client = new RawClient(server.port, { token: tokenFor("ada") });
      await new Promise((done) => {
        client.onConnect = done;
      });
      client.socket.pause();
      slow.push(client);
    }
    const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]) / 1024;
    const before = resident();
    let peak = before;
    const data = { text: "x".repeat(16_000) };
    const count = 1500;
    for (let i = 1; i <= count; i += 1) {
      await server.publish("alpha", `s${i}`, { data });
      peak = Math.max(peak, resident());
    }
    await reader.received(`s${count}`);
    assert.equal(reader.seen.length, count);
    assert.equal(reader.connections, 1);
    // 24 MB were owed to each; the kernel holds a few, the server at most 1 MiB, and shares the bytes.
    t.diagnostic(`RSS ${before.toFixed(1)} → at most ${peak.toFixed(1)} MiB`);
    assert.ok(peak - before < 60, `RSS grew by ${(peak - before).toFixed(1)} MiB`);

    let closed = 0;
    for (const client of slow) {
      client.closed.then(() => {
        closed += 1;
      });
      client.socket.resume();
    }
    await until(() => closed === slow.length, { what: () => `${closed} of ${slow.length} slow clients to be closed` });
    // Published this fast, events may share the cursor's millisecond: then all of it comes again.
    const at = ({ envelope }) => Date.parse(envelope.timestamp);
    const cursor = at(reader.seen.at(-6));
    const shared = reader.seen.filter((event) => at(event) === cursor);
    const owed = reader.seen.filter((event) => at(event) > cursor || (shared.length > 1 && at(event) === cursor)).slice(-50);
    const back = await connect(server, { user: "ada", lastEventTimestamp: cursor });
    await back.received(`s${count}`);
    assert.deepEqual(back.seen.map(({ id }) => id), owed.map(({ id }) => id));
  });
});
