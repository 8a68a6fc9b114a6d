// A publisher that does not know whether its event arrived sends it again with the same
// Idempotency-Key: it counts once, and the first answer comes again.

import assert from "node:assert/strict";
import { connect as plain } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { closeClients, connect, TRANSPORTS } from "./support/client.mjs";
import { Redis } from "./support/redis.mjs";
import { API_KEY, crierOnly, publication, startServer } from "./support/server.mjs";
import { until } from "./support/until.mjs";

const keyed = (key) => ({ "idempotency-key": key });

/** Sends one publish and destroys the connection `after` ms later, whatever has come by then. */
function sendAndVanish(server, program, body, key, after) {
  const text = JSON.stringify(body);
  return new Promise((done) => {
    const socket = plain(server.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.on("close", done);
    socket.write(
      `POST /api/v1/programs/${program}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${API_KEY}\r\n` +
        `Content-Type: application/json\r\nIdempotency-Key: ${key}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
      () => setTimeout(() => socket.resetAndDestroy(), after),
    );
  });
}

for (const kind of ["memory", "redis"]) {
  describe(`Idempotency-Key, history in ${kind}`, { skip: crierOnly }, () => {
    let redis;
    let server;
    before(async () => {
      redis = kind === "redis" ? await Redis.start() : undefined;
      server = await startServer({ redisUrl: redis?.url });
    });
    after(async () => {
      await server?.stop();
      await redis?.kill();
    });
    afterEach(closeClients);

    /** The request ids that each client has received when `fence`, published now, is there. */
    async function receivedBy(clients, fence) {
      await server.publish("alpha", fence);
      await Promise.all(clients.map((client) => client.received(fence)));
      return clients.map((client) => client.requestIds.filter((id) => id !== fence));
    }
    const everywhere = () => Promise.all(Object.keys(TRANSPORTS).map((via) => connect(server, { user: "ada", via })));

    test("the same publish again is answered as the first was, and delivered once", async () => {
      const clients = await everywhere();
      const first = await server.post("alpha", publication("once"), keyed("k-once"));
      const second = await server.post("alpha", publication("once"), keyed("k-once"));
      assert.equal(first.status, 202, first.text);
      assert.equal(second.status, 202, second.text);
      assert.equal(second.text, first.text);
      assert.equal(first.headers["idempotent-replayed"], undefined);
      assert.equal(second.headers["idempotent-replayed"], "true");
      for (const ids of await receivedBy(clients, "once-fence")) assert.deepEqual(ids, ["once"]);
      assert.equal(clients[0].seen[0].id, first.json.id);
    });

    test("a storm of retries is one event", async () => {
      const clients = await everywhere();
      const answers = await Promise.all(
        Array.from({ length: 200 }, () => server.post("alpha", publication("storm"), keyed("k-storm"))),
      );
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [202]);
      assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
      assert.equal(answers.filter(({ headers }) => headers["idempotent-replayed"] === undefined).length, 1);
      for (const ids of await receivedBy(clients, "storm-fence")) assert.deepEqual(ids, ["storm"]);
      const next = await server.publish("alpha", "storm-next");
      assert.equal(next.seq, answers[0].json.seq + 2, "the storm and its fence were one number each");
    });

    test("another body with the same key is refused, and nothing of it is stored", async () => {
      const clients = await everywhere();
      const first = await server.post("alpha", publication("mine"), keyed("k-mine"));
      for (const body of [publication("other"), publication("mine", { data: { n: 1 } }), publication("mine", { event: "request:deleted" })]) {
        const { status, json } = await server.post("alpha", body, keyed("k-mine"));
        assert.equal(status, 409);
        assert.equal(json.code, "idempotency_key_reused");
      }
      assert.equal((await server.post("alpha", publication("mine"), keyed("k-mine"))).text, first.text);
      for (const ids of await receivedBy(clients, "mine-fence")) assert.deepEqual(ids, ["mine"]);
      assert.equal((await server.publish("alpha", "mine-next")).seq, first.json.seq + 2);
      const late = await connect(server, { user: "ada", lastEventTimestamp: Date.parse(first.json.timestamp) - 1 });
      await late.received("mine-next");
      assert.deepEqual(late.requestIds, ["mine", "mine-fence", "mine-next"]);
    });

    test("a key is its program's own", async () => {
      const alpha = await server.post("alpha", publication("scoped"), keyed("k-scoped"));
      const beta = await server.post("beta", publication("scoped"), keyed("k-scoped"));
      assert.equal(beta.status, 202);
      assert.equal(beta.headers["idempotent-replayed"], undefined);
      assert.notEqual(beta.json.id, alpha.json.id);
      assert.equal((await server.post("beta", publication("different"), keyed("k-scoped"))).status, 409);
    });

    test("a lost answer and a retry are exactly one event", async () => {
      const clients = await everywhere();
      const rounds = 20;
      for (let round = 0; round < rounds; round += 1) {
        await sendAndVanish(server, "alpha", publication(`lost-${round}`), `k-lost-${round}`, round % 4);
        const retried = await server.post("alpha", publication(`lost-${round}`), keyed(`k-lost-${round}`));
        assert.equal(retried.status, 202, retried.text);
      }
      const wanted = Array.from({ length: rounds }, (_, round) => `lost-${round}`);
      for (const ids of await receivedBy(clients, "lost-fence")) assert.deepEqual(ids, wanted);
    });

    test("a key is 1 to 255 visible ASCII characters, once", async () => {
      for (const key of ["!", "~", "k".repeat(255), '"a-uuid"']) {
        assert.equal((await server.post("alpha", publication("edge"), keyed(key))).status, 202, key);
      }
      for (const key of ["", "k".repeat(256), "a b", "a\tb", "\u00e9", ["a", "b"], ["a", "a"]]) {
        const { status, json } = await server.post("alpha", publication("edge"), keyed(key));
        assert.equal(status, 400, String(key));
        assert.equal(json.code, "bad_idempotency_key");
        assert.match(json.message, /Idempotency-Key/);
      }
      assert.equal((await server.post("alpha", publication("edge"), { ...keyed("k-edge"), authorization: "Bearer x" })).status, 401);
    });

    if (kind === "redis") {
      test("outlives the process, and neither key can be read in Redis", async () => {
        const first = await server.post("alpha", publication("kept"), keyed("k-kept-across"));
        const names = redis.command("KEYS", "*");
        assert.match(names, /token/);
        assert.doesNotMatch(names, /k-kept-across/);
        assert.ok(!names.includes(API_KEY));
        await server.stop();
        server = await startServer({ redisUrl: redis.url });
        const again = await server.post("alpha", publication("kept"), keyed("k-kept-across"));
        assert.equal(again.text, first.text);
        assert.equal(again.headers["idempotent-replayed"], "true");
        const rotated = await startServer({ redisUrl: redis.url, env: { CRIER_API_KEY: "another-key-of-the-same-length-or-so" } });
        try {
          const other = await rotated.post("alpha", publication("kept"), { ...keyed("k-kept-across"), authorization: "Bearer another-key-of-the-same-length-or-so" });
          assert.equal(other.status, 202);
          assert.notEqual(other.json.id, first.json.id, "the key of another API key");
        } finally {
          await rotated.stop();
        }
      });

      test("what Redis lost is not delivered once more by the node that knows it was stored", async () => {
        const client = await connect(server, { user: "ada" });
        await client.notice();
        const first = await server.post("alpha", publication("lost"), keyed("k-flushed"));
        await client.received("lost");
        redis.command("FLUSHALL");
        await server.publish("alpha", "lost-shown");
        await client.connected(2);
        assert.equal((await client.notice()).programs.alpha, "reset");
        const again = await server.post("alpha", publication("lost"), keyed("k-flushed"));
        assert.equal(again.text, first.text);
        assert.equal(again.headers["idempotent-replayed"], "true");
        const [ids] = await receivedBy([client], "lost-fence");
        assert.equal(ids.filter((id) => id === "lost").length, 1, ids.join());
      });

      test("two nodes know each other's keys", async () => {
        const other = await startServer({ redisUrl: redis.url });
        try {
          const answers = await Promise.all(
            Array.from({ length: 40 }, (_, i) => (i % 2 ? other : server).post("alpha", publication("shared"), keyed("k-shared"))),
          );
          assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
        } finally {
          await other.stop();
        }
      });
    }
  });
}

describe("outage_policy", { skip: crierOnly }, () => {
  afterEach(closeClients);

  test("refuse: nothing is sent or accepted while Redis is down", async (t) => {
    const redis = await Redis.start({ keeps: true });
    t.after(() => redis.kill());
    const server = await startServer({ redisUrl: redis.url, env: { CRIER_HISTORY_OUTAGE_POLICY: "refuse" } });
    t.after(() => server.stop());
    const ada = await connect(server, { user: "ada" });
    await server.publish("alpha", "with");
    await ada.received("with");
    await redis.kill();
    await until(async () => (await server.get("/readyz")).status === 503);
    for (let i = 0; i < 3; i += 1) {
      const { status, json } = await server.post("alpha", publication(`without-${i}`), keyed(`k-${i}`));
      assert.equal(status, 503);
      assert.equal(json.code, "history_unavailable");
    }
    await redis.start();
    await ada.connected(2); // another Redis, another epoch: it was told
    assert.equal((await ada.notice()).programs.alpha, "reset");
    for (let i = 0; i < 3; i += 1) {
      assert.equal((await server.post("alpha", publication(`without-${i}`), keyed(`k-${i}`))).status, 202);
    }
    await ada.received("without-2");
    assert.deepEqual(ada.requestIds, ["with", "without-0", "without-1", "without-2"]);
  });
});

describe("Idempotency-Key in an outage", { skip: crierOnly }, () => {
  let redis;
  let server;
  before(async () => {
    redis = await Redis.start({ keeps: true });
    server = await startServer({ redisUrl: redis.url });
  });
  after(async () => {
    await server?.stop();
    redis?.resume();
    await redis?.kill();
  });
  afterEach(closeClients);

  test("of 1,400 publishes none is delivered twice, however often those with an unknown outcome are repeated", async () => {
    const ada = await connect(server, { user: "ada" });
    const stored = await server.post("alpha", publication("stored"), keyed("stored"));
    await ada.received("stored");
    const all = (ids) => Promise.all(ids.map((id) => server.post("alpha", publication(id), keyed(id))));
    const open = Array.from({ length: 60 }, (_, i) => `open-${i}`);
    const later = Array.from({ length: 1340 }, (_, i) => `later-${i}`);
    redis.pause();
    const first = all(open);
    await until(async () => (await server.get("/metrics")).text.includes("crier_unknown_outcomes 60"));
    await until(async () => (await server.get("/readyz")).json.history === "down");
    // The outcome of the first is open yet: a repeat must not go out past it.
    const early = await server.post("alpha", publication("open-0"), keyed("open-0"));
    assert.deepEqual([early.status, early.json.code], [503, "outcome_unknown"]);
    assert.equal(early.headers["retry-after"], "1");
    for (const { status, json } of await first) assert.deepEqual([status, json.code], [503, "outcome_unknown"]);
    for (const { json } of await all(later)) assert.equal(json.recoverable, false);
    for (const { status, json } of await all(open)) assert.deepEqual([status, json.code], [503, "outcome_unknown"]);
    assert.equal((await server.post("alpha", publication("stored"), keyed("stored"))).json.id, stored.json.id);
    await ada.received(later.at(-1));
    redis.resume();
    await until(async () => (await server.get("/readyz")).status === 200);
    for (const { status, json } of await all(open)) assert.ok(status === 202 && json.id, `${status}`);
    await server.publish("alpha", "fence");
    await ada.received("fence");
    assert.equal(new Set(ada.requestIds).size, ada.requestIds.length, "each once");
    assert.match((await server.get("/metrics")).text, /^crier_unknown_outcomes 0$/m);
  });
});
