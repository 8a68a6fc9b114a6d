// Redis goes away and comes back: real time goes on, nobody is told a lie, and numbers return.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Client, closeClients, connect, TRANSPORTS } from "./support/client.mjs";
import { Redis } from "./support/redis.mjs";
import { crierOnly, publication, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";

describe("without Redis", { skip: crierOnly }, () => {
  let redis;
  let server;
  before(async () => {
    redis = await Redis.start();
    server = await startServer({ redisUrl: redis.url });
  });
  after(async () => {
    await server?.stop();
    await redis?.kill();
  });
  afterEach(closeClients);

  test("events are delivered unnumbered and /readyz names the history; then all is as before", async () => {
    const clients = await Promise.all(Object.keys(TRANSPORTS).map((via) => connect(server, { user: "ada", via })));
    const everyone = (id) => Promise.all(clients.map((client) => client.received(id)));
    const before = await server.publish("alpha", "with");
    assert.ok(before.id && before.seq > 0);
    assert.equal(before.recoverable ?? true, true);
    await everyone("with");

    await redis.kill();
    const ready = await until(async () => {
      const answer = await server.get("/readyz");
      return answer.status === 503 && answer;
    });
    assert.match(ready.text, /history/);
    assert.equal((await server.get("/healthz")).status, 200, "alive all the same");
    for (let i = 1; i <= 3; i += 1) {
      const answer = await server.publish("alpha", `without-${i}`);
      assert.equal(answer.recoverable, false);
      assert.equal(answer.id, null);
      assert.equal(answer.seq, null);
      assert.match(answer.timestamp, /Z$/);
    }
    await everyone("without-3");
    for (const client of clients) {
      assert.deepEqual(client.requestIds, ["with", "without-1", "without-2", "without-3"]);
      const last = client.seen.at(-1);
      assert.equal(typeof last.envelope.timestamp, "string");
      assert.notEqual(typeof last.id, "string", "nothing unnumbered carries a cursor");
    }
    const newcomer = await connect(server, { user: "ada" });
    assert.equal(newcomer.pid, undefined, "what it is owed cannot be sealed now");
    newcomer.close();

    await redis.start();
    await until(async () => (await server.get("/readyz")).status === 200, { what: () => "/readyz after Redis returned" });
    // Another Redis, another epoch: everybody is told, and what comes after that is theirs.
    for (const client of clients) {
      await client.connected(2);
      assert.equal(client.socket.recovered, false);
      assert.equal((await client.notice(2)).programs.alpha, "reset");
    }
    const again = await server.publish("alpha", "again");
    assert.ok(again.id && again.seq > 0, JSON.stringify(again));
    assert.notEqual(again.id.split(".")[0], before.id.split(".")[0], "an empty Redis is another epoch");
    await everyone("again");
    for (const client of clients) assert.equal(client.requestIds.filter((id) => id === "again").length, 1);
  });

  test("a client that needs the history waits for it: no refusal, and it is in once Redis is back", async () => {
    const start = await server.publish("alpha", "h1");
    await redis.kill();
    await until(async () => (await server.get("/readyz")).status === 503);
    const waiting = Object.keys(TRANSPORTS).map(
      (via) => new Client(server, { via, auth: { token: tokenFor("ada"), lastEventTimestamp: Date.parse(start.timestamp) } }),
    );
    await until(() => waiting.every((client) => client.socket.io.engine?.readyState === "open"));
    await redis.start();
    for (const client of waiting) {
      await client.connected();
      assert.deepEqual(client.refusals, []);
    }
  });

  test("Redis is away at the start: the server starts, delivers, and numbers when it comes", async () => {
    await redis.kill();
    const other = await startServer({ redisUrl: redis.url, waitReady: false });
    try {
      await until(async () => (await other.get("/readyz").catch(() => null))?.status === 503, { what: () => `/readyz 503\n${other.log}` });
      const ada = await connect(other, { user: "ada" });
      assert.equal((await other.publish("alpha", "early")).recoverable, false);
      await ada.received("early");
      await redis.start();
      await until(async () => (await other.get("/readyz")).status === 200);
      await ada.connected(2); // it was admitted without knowledge of the history, and is told
      assert.equal(ada.socket.recovered, false);
      assert.ok((await other.publish("alpha", "later")).id);
      await ada.received("later");
    } finally {
      await other.stop();
    }
  });

  test("a Redis that hangs does not hang publishing, and nothing comes twice", async () => {
    await until(async () => (await server.get("/readyz")).status === 200);
    const ada = await connect(server, { user: "ada" });
    const key = { "idempotency-key": "hanging" };
    redis.child.kill("SIGSTOP");
    try {
      // Nobody knows whether Redis has it, so it must not go out without its number.
      const started = performance.now();
      const { status, json } = await server.post("alpha", publication("hanging"), key);
      assert.deepEqual([status, json.code], [503, "outcome_unknown"]);
      assert.ok(performance.now() - started < 8000);
      // Real time goes on for what comes after.
      assert.equal((await server.publish("alpha", "meanwhile")).recoverable, false);
      await ada.received("meanwhile");
    } finally {
      redis.child.kill("SIGCONT");
    }
    await ada.connected(2); // a gap marker stands for what had no number
    assert.equal(ada.socket.recovered, false);
    assert.equal((await ada.notice()).programs.alpha, "gap");
    assert.equal((await server.post("alpha", publication("hanging"), key)).status, 202);
    await server.publish("alpha", "resumed");
    await ada.received("resumed");
    assert.ok(ada.requestIds.filter((id) => id === "hanging").length <= 1, ada.requestIds.join());
  });
});
