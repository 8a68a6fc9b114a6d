// SIGTERM with many clients and a publisher that does not stop: what was answered 202 has reached
// every connected member before its connection closed, and the process ends with 0.

import assert from "node:assert/strict";
import { after, afterEach, describe, test } from "node:test";
import { closeClients, connect, TRANSPORTS } from "./support/client.mjs";
import { Publisher } from "./support/publisher.mjs";
import { connectMany } from "./support/raw_client.mjs";
import { Redis } from "./support/redis.mjs";
import { crierOnly, full, publication, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";

const COUNT = full ? 1000 : 200;

describe("SIGTERM", { skip: crierOnly }, () => {
  afterEach(closeClients);

  for (const kind of ["memory", "redis"]) {
    test(`with ${COUNT} clients, history in ${kind}`, async (t) => {
      const redis = kind === "redis" ? await Redis.start() : undefined;
      t.after(() => redis?.kill());
      const server = await startServer({ workers: 2, redisUrl: redis?.url });
      t.after(() => server.stop());

      const received = Array.from({ length: COUNT }, () => []);
      const token = tokenFor("ada");
      const clients = await connectMany(server.port, COUNT, () => ({ token }), {
        onEventOf: (index) => (text) => received[index].push(JSON.parse(text)),
      });
      const official = await Promise.all(Object.keys(TRANSPORTS).map((via) => connect(server, { user: "ada", via, reconnection: false })));
      const publisher = new Publisher(server, ["alpha"], { lanes: 4, every: 1 });
      await until(() => publisher.accepted.length >= 50);

      const started = performance.now();
      server.signal("SIGTERM");
      const result = await server.ended();
      const ends = await Promise.all(clients.map(({ closed }) => closed));
      const took = Math.round(performance.now() - started);
      const accepted = publisher.accepted.length;
      await publisher.stop();
      t.diagnostic(`${accepted} publishes accepted, ended after ${took} ms`);

      assert.deepEqual(result, { code: 0, signal: null }, server.log);
      assert.ok(took < 15_000);
      assert.equal(publisher.accepted.length, accepted, "no 202 after the end");
      const wanted = publisher.accepted.map(({ requestId }) => requestId);
      for (const [index, events] of received.entries()) {
        const got = events.filter(([name]) => name !== "catchup").map(([, envelope]) => envelope.requestId);
        const have = new Set(got);
        assert.equal(have.size, got.length, "each once");
        assert.deepEqual(wanted.filter((id) => !have.has(id)), [], `client ${index} misses answered events`);
        assert.equal(ends[index].error, null, String(ends[index].error));
        assert.ok([1000, 1001, 1005, 1012].includes(ends[index].closeCode), `close code ${ends[index].closeCode}`);
      }
      for (const client of official) {
        await until(() => client.closes.length > 0);
        const have = new Set(client.requestIds);
        assert.deepEqual(wanted.filter((id) => !have.has(id)), [], `${client.via} misses answered events`);
        assert.equal(have.size, client.seen.length);
        assert.equal(client.closes[0], "transport close", client.via);
      }
      const statuses = publisher.failures.map(({ error }) => error.message);
      for (const message of statuses) assert.match(message, /publish: 503|ECONNREFUSED|ECONNRESET|socket hang up/);
    });
  }

  test("a client without a goodbye comes back to a server that is restarted, and misses nothing", async (t) => {
    const redis = await Redis.start();
    t.after(() => redis.kill());
    const first = await startServer({ workers: 2, redisUrl: redis.url });
    t.after(() => first.stop());
    const clients = Object.keys(TRANSPORTS).map((via) => ({ via }));
    for (const entry of clients) {
      entry.client = await connect(first, {
        via: entry.via,
        auth: (give) =>
          give({ token: tokenFor("ada"), ...(entry.client?.seen.length ? { lastEventTimestamp: entry.client.lastTimestamp } : {}) }),
      });
    }
    await first.publish("alpha", "r1");
    await Promise.all(clients.map(({ client }) => client.received("r1")));
    first.signal("SIGTERM");
    assert.equal((await first.ended()).code, 0);
    const other = await startServer({ workers: 2, redisUrl: redis.url });
    await other.publish("alpha", "r2");
    await other.publish("alpha", "r3");
    await other.stop("SIGTERM");
    const second = await startServer({ workers: 2, redisUrl: redis.url, port: first.port, store: first.store });
    t.after(() => second.stop());
    await Promise.all(clients.map(({ client }) => client.connected(2)));
    await second.publish("alpha", "r4");
    for (const { client } of clients) {
      await client.received("r4");
      assert.deepEqual(client.requestIds, ["r1", "r2", "r3", "r4"], client.via);
    }
  });

  test("SIGINT ends it too, and a second signal does no harm", async (t) => {
    const server = await startServer({ workers: 2 });
    t.after(() => server.stop());
    await connect(server, { user: "ada", reconnection: false });
    server.signal("SIGINT");
    server.signal("SIGTERM");
    const { code } = await server.ended();
    assert.equal(code, 0, server.log);
  });

  test("half-open and idle connections do not hold it up", async (t) => {
    const { connect: plain } = await import("node:net");
    const server = await startServer({ workers: 2 });
    t.after(() => server.stop());
    const idle = plain(server.port, "127.0.0.1");
    const partial = plain(server.port, "127.0.0.1");
    partial.write("POST /api/v1/programs/alpha/events HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n");
    for (const socket of [idle, partial]) socket.on("error", () => {});
    await server.publish("alpha", "s");
    const started = performance.now();
    server.signal("SIGTERM");
    assert.equal((await server.ended()).code, 0);
    assert.ok(performance.now() - started < 12_000);
  });

  test("sessions over polling whose client has gone do not hold it up", async (t) => {
    const server = await startServer({ workers: 2 });
    t.after(() => server.stop());
    for (let i = 0; i < 20; i += 1) {
      assert.equal((await server.get("/socket.io/?EIO=4&transport=polling")).status, 200);
    }
    const started = performance.now();
    server.signal("SIGTERM");
    assert.equal((await server.ended()).code, 0);
    assert.ok(performance.now() - started < 6_000, `took ${Math.round(performance.now() - started)} ms`);
  });

  test("publishes answered while it ends are 503 shutting_down or not accepted at all", async (t) => {
    const server = await startServer({ workers: 2 });
    t.after(() => server.stop());
    await connectMany(server.port, 20, () => ({ token: tokenFor("ada") }));
    server.signal("SIGTERM");
    const answers = [];
    for (;;) {
      try {
        answers.push(await server.post("alpha", publication("late")));
      } catch {
        break;
      }
    }
    for (const { status, json } of answers) {
      assert.ok(status === 202 || status === 503, String(status));
      if (status === 503) assert.equal(json.code, "shutting_down");
    }
  });
});
after(closeClients);
