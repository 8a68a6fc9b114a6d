// A Redis that serves, but not as it should: what its clients and its operator are told.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { Client, closeClients, connect } from "./support/client.mjs";
import { Redis } from "./support/redis.mjs";
import { crierOnly, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";

for (const workers of [1, 2]) {
  describe(`a Redis in poor health, ${workers} worker(s)`, { skip: crierOnly }, () => {
    let redis;
    let server;
    afterEach(async () => {
      closeClients();
      await server?.stop();
      await redis?.kill();
    });

    test("/readyz names the policy of one that evicts, and /metrics says how far its clock is off", async () => {
      redis = await Redis.start();
      redis.command("CONFIG", "SET", "maxmemory-policy", "volatile-lru");
      redis.command("CONFIG", "SET", "maxmemory", "100mb");
      server = await startServer({ redisUrl: redis.url, workers });
      assert.equal(JSON.parse((await server.get("/readyz")).text).eviction, "volatile-lru");
      assert.match(server.log, /volatile-lru/);
      const offset = /^crier_history_clock_offset_seconds (-?[\d.]+)$/m.exec((await server.get("/metrics")).text);
      assert.ok(Math.abs(Number(offset[1])) < 1, offset[0]);
    });

    test("a program whose field makes no sense is the only one that suffers, and a number of all is replaced", async () => {
      redis = await Redis.start();
      server = await startServer({ redisUrl: redis.url, workers });
      await server.publish("alpha", "a0");
      for (const field of ["999999999999999999999 5 0", "5 99999999999999999 0", "5 8000000000000000 0"]) {
        redis.command("HSET", "socket:events:meta", "program:beta", field);
        assert.equal((await server.publish("beta", field)).recoverable, false);
        assert.notEqual((await server.publish("alpha", field)).id, null);
        const client = await connect(server, { user: "ben" });
        await client.notice();
        await server.publish("alpha", `${field}, live`);
        await client.received(`${field}, live`);
        assert.equal(client.connections, 1);
        client.close();
      }
      redis.command("HDEL", "socket:events:meta", "program:beta");
      for (const [field, value] of [["last", "abc"], ["last", "9007199254740993"], ["epoch", ""], ["floor", "-5"]]) {
        const { id } = await server.publish("alpha", `before ${field} ${value}`);
        redis.command("HSET", "socket:events:meta", field, value);
        const next = await server.publish("alpha", `after ${field} ${value}`);
        assert.notEqual(next.id.slice(0, 8), id.slice(0, 8));
        const client = await connect(server, { auth: { token: tokenFor("ben"), lastEventId: id } });
        assert.equal((await client.notice()).programs.alpha, "reset");
      }
      assert.doesNotMatch(server.log, /makes no sense/);
    });

    test("/readyz is 503 while the key of all numbers is something else", async () => {
      redis = await Redis.start();
      server = await startServer({ redisUrl: redis.url, workers, env: { CRIER_STORE_DEADLINE: "1s" } });
      const status = async () => (await server.get("/readyz")).status;
      for (const damage of [["LPUSH", "x"], ["SET", "x"]]) {
        const { id } = await server.publish("alpha", "before");
        redis.command("DEL", "socket:events:meta");
        redis.command(damage[0], "socket:events:meta", damage[1]);
        assert.equal((await server.publish("alpha", "during")).recoverable, false);
        await until(async () => (await status()) === 503, { what: () => "/readyz to be 503" });
        redis.command("DEL", "socket:events:meta");
        await until(async () => (await status()) === 200, { what: () => "/readyz to be 200" });
        const client = await connect(server, { auth: { token: tokenFor("ben"), lastEventId: id } });
        assert.equal((await client.notice()).programs.alpha, "reset");
      }
    });

    test("one that takes no writes counts as away, and who has a cursor is told when it takes them again", async () => {
      redis = await Redis.start();
      server = await startServer({ redisUrl: redis.url, workers, env: { CRIER_STORE_DEADLINE: "1s" } });
      const status = async () => (await server.get("/readyz")).status;
      for (const [setting, bad, good] of [["maxmemory", "1", "0"], ["min-replicas-to-write", "1", "0"]]) {
        const stays = await connect(server, { user: "ada" });
        await stays.notice();
        const { id } = await server.publish("alpha", `before ${setting}`);
        redis.command("CONFIG", "SET", setting, bad);
        assert.equal((await server.publish("alpha", `during ${setting}`)).recoverable, false);
        await stays.received(`during ${setting}`);
        await until(async () => (await status()) === 503, { what: () => "/readyz to be 503" });
        const client = new Client(server, { auth: { token: tokenFor("ben"), lastEventId: id } });
        await until(() => client.closes.length + client.errors.length > 0, { what: () => "the client to wait in vain" });
        assert.equal(client.connections, 0);
        redis.command("CONFIG", "SET", setting, good);
        await client.connected();
        assert.equal((await client.notice()).programs.alpha, "gap");
        await until(async () => (await status()) === 200, { what: () => "/readyz to be 200" });
      }
    });

    test("members of a program whose key is something else are told of a gap", async () => {
      redis = await Redis.start();
      server = await startServer({ redisUrl: redis.url, workers });
      assert.equal(JSON.parse((await server.get("/readyz")).text).eviction, undefined);
      const client = await connect(server, { user: "ada" });
      await server.publish("alpha", "kept");
      await client.received("kept");
      redis.command("DEL", "socket:events:program:alpha");
      redis.command("SET", "socket:events:program:alpha", "x");
      assert.equal((await server.publish("alpha", "not kept")).recoverable, false);
      await client.received("not kept");
      await client.connected(2);
      assert.equal(client.socket.recovered, false);
      assert.equal((await client.notice()).programs.alpha, "gap");
      assert.equal((await server.get("/readyz")).status, 200, "the other programs are served");
    });
  });
}
