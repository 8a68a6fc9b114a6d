// Each way in which Redis fails, with two nodes on it: what the clients of both see.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { closeClients, connect } from "./support/client.mjs";
import { Redis } from "./support/redis.mjs";
import { crierOnly, publication, startServer } from "./support/server.mjs";
import { until } from "./support/until.mjs";
import { wire } from "./support/wire.mjs";

const ready = (...servers) =>
  Promise.all(
    servers.map((server) =>
      until(async () => (await server.get("/readyz").catch(() => null))?.status === 200, { what: () => "/readyz" }),
    ),
  );

const connectionsTo = (redis) => Number(/total_connections_received:(\d+)/.exec(redis.command("INFO", "stats"))[1]);

for (const policy of ["deliver", "refuse"]) {
  describe(`a Redis that fails, outage_policy ${policy}`, { skip: crierOnly }, () => {
    let redis;
    let near;
    let far;
    let link;
    let published = 0;
    before(async () => {
      redis = await Redis.start({ keeps: true });
      link = await wire(redis);
      const env = { CRIER_HISTORY_OUTAGE_POLICY: policy };
      near = await startServer({ redisUrl: redis.url, env });
      far = await startServer({ redisUrl: link.url, env });
    });
    after(async () => {
      await near?.stop();
      await far?.stop();
      link?.close();
      await redis?.kill();
    });
    afterEach(closeClients);

    /** A member at each node who has seen one event. */
    async function members() {
      await ready(near, far);
      const both = [await connect(near, { user: "ada" }), await connect(far, { user: "ben" })];
      await seen(both, await publish(near));
      return both;
    }
    async function publish(server) {
      const id = `event-${(published += 1)}`;
      await server.publish("alpha", id);
      return id;
    }
    const seen = (clients, id) => Promise.all(clients.map((client) => client.received(id)));
    /** Both are told this, once, and hear what comes after. */
    async function told(both, verdict) {
      await Promise.all(both.map((client) => client.connected(2)));
      for (const client of both) {
        assert.equal(client.socket.recovered, false);
        assert.equal((await client.notice()).programs.alpha, verdict);
      }
      await ready(near, far);
      await seen(both, await publish(far));
      for (const client of both) assert.equal(client.connections, 2);
      noRepeats(both);
    }
    function noRepeats(both) {
      for (const { requestIds } of both) assert.equal(new Set(requestIds).size, requestIds.length, requestIds.join());
    }
    function undisturbed(both) {
      for (const client of both) assert.equal(client.connections, 1);
      assert.deepEqual(both[0].requestIds, both[1].requestIds, "the same events in the same order");
      noRepeats(both);
    }

    test("restarted with its data: its end may be lost, so all are told", async () => {
      const both = await members();
      await redis.kill();
      await redis.start();
      await told(both, "reset");
    });

    test("FLUSHALL", async () => {
      const both = await members();
      redis.command("FLUSHALL");
      await publish(near);
      await told(both, "reset");
    });

    test("the numbers are evicted", async () => {
      const both = await members();
      redis.command("DEL", "socket:events:meta");
      await publish(near);
      await told(both, "reset");
    });

    test("the subscribers are killed: nobody misses or notices anything", async () => {
      const both = await members();
      for (let i = 0; i < 5; i += 1) {
        await publish(near);
        redis.command("CLIENT", "KILL", "TYPE", "pubsub");
        await publish(far);
        await publish(near);
        await seen(both, await publish(far));
      }
      undisturbed(both);
    });

    test("the subscribers' output buffers overflow: nobody misses or notices anything", async () => {
      const both = await members();
      redis.command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 8kb 8kb 0");
      const connections = connectionsTo(redis);
      const large = { title: "x".repeat(50_000) };
      for (let i = 0; i < 5; i += 1) await near.publish("alpha", `large-${policy}-${i}`, { data: large });
      await seen(both, `large-${policy}-4`);
      // Each node has come anew at least once (and redis-cli, that asks).
      await until(() => connectionsTo(redis) >= connections + 3);
      redis.command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60");
      await ready(near, far);
      await seen(both, await publish(near));
      undisturbed(both);
    });

    test("one node is cut off: its members get what they missed, in order", async () => {
      const both = await members();
      link.cut();
      await until(async () => (await far.get("/readyz")).status === 503);
      const missed = [await publish(near), await publish(near)];
      await both[0].received(missed[1]);
      link.mend();
      await ready(near, far);
      await seen(both, await publish(near));
      undisturbed(both);
    });

    test("one node is cut off, and published through", async () => {
      const both = await members();
      link.cut();
      // What it hears by may be noticed first; a publish then has an outcome that is not known.
      await until(async () => (await far.get("/readyz")).json.history === "down");
      const { status, json } = await far.post("alpha", publication(`alone-${policy}`));
      if (policy === "refuse") {
        assert.deepEqual([status, json.code], [503, "history_unavailable"]);
        link.mend();
        await ready(near, far);
        await seen(both, await publish(near));
        undisturbed(both);
        return;
      }
      assert.deepEqual([status, json.recoverable], [202, false]);
      await both[1].received(`alone-${policy}`);
      link.mend();
      await told(both, "gap");
    });

    test("another instance without the end takes over, and was written to since", async () => {
      const both = await members();
      const other = await Redis.start({ keeps: true });
      other.command("REPLICAOF", "127.0.0.1", redis.port);
      await until(() => /master_link_status:up/.test(other.command("INFO", "replication")));
      other.command("REPLICAOF", "NO", "ONE");
      await seen(both, await publish(near)); // the end that is lost
      const third = await startServer({ redisUrl: other.url });
      await third.publish("alpha", `elsewhere-${policy}`);
      await third.stop();
      await redis.kill();
      await other.kill();
      other.port = redis.port;
      await other.start();
      redis = other;
      await told(both, "reset");
    });
  });
}
