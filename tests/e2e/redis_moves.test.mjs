// The address of Redis leads to another server and back, or a database is exchanged and comes back: the server that
// answers then never knew of what was accepted meanwhile.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { closeClients, connect } from "./support/client.mjs";
import { Redis } from "./support/redis.mjs";
import { crierOnly, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";
import { wire } from "./support/wire.mjs";

describe("Redis there and back", { skip: crierOnly }, () => {
  const open = [];
  afterEach(async () => {
    closeClients();
    while (open.length > 0) await open.pop()();
  });
  async function redis() {
    const one = await Redis.start();
    open.push(() => one.kill());
    return one;
  }
  async function gateway(redisUrl) {
    const server = await startServer({ redisUrl });
    open.push(() => server.stop());
    return server;
  }
  const ready = (server) => until(async () => (await server.get("/readyz")).status === 200, { what: () => "/readyz" });

  /** Who was away all the time is told, whatever the cursor; who stays is told, and hears what comes. */
  async function told(server, { there, back }) {
    const first = await server.publish("alpha", "e1");
    const away = { lastEventId: first.id, lastEventTimestamp: Date.parse(first.timestamp) };
    const stays = await connect(server, { user: "ada" });
    await stays.notice();

    await there();
    await ready(server);
    const meanwhile = [await server.publish("alpha", "e2"), await server.publish("alpha", "e3")];
    for (const { id } of meanwhile) assert.notEqual(id.slice(0, 8), first.id.slice(0, 8));
    await stays.connected(2);
    await until(() => stays.notices.length === 2);
    await back();
    await ready(server);

    const begun = performance.now();
    await server.publish("alpha", "e4");
    await stays.connected(3);
    await until(() => stays.notices.length === 3);
    assert.ok(performance.now() - begun < 2_500, "not only when tops are compared");
    assert.equal(stays.notices.at(-1).programs.alpha, "reset");
    for (const kind of ["lastEventId", "lastEventTimestamp"]) {
      const client = await connect(server, { auth: { token: tokenFor("ben"), [kind]: away[kind] } });
      assert.equal((await client.notice()).programs.alpha, "reset", kind);
    }
    await server.publish("alpha", "e5");
    await stays.received("e5");
    assert.equal(stays.requestIds.filter((id) => id === "e5").length, 1);
  }

  test("to a replica that was promoted, while the master lives on", async () => {
    const master = await redis();
    const replica = await redis();
    replica.command("REPLICAOF", "127.0.0.1", master.port);
    const target = { port: master.port };
    const link = await wire(target);
    open.push(() => link.close());
    const move = (port) => {
      link.cut();
      target.port = port;
      link.mend();
    };
    const server = await gateway(link.url);
    const caughtUp = () =>
      replica.command("ZCARD", "socket:events:program:alpha") === "1" &&
      replica.command("INFO", "replication").includes("master_link_status:up");
    await told(server, {
      there: async () => {
        await until(caughtUp);
        replica.command("REPLICAOF", "NO", "ONE");
        move(replica.port);
      },
      back: () => move(master.port),
    });
  });

  test("to another database, by SWAPDB", async () => {
    const one = await redis();
    const swap = () => one.command("SWAPDB", "0", "1");
    await told(await gateway(one.url), { there: swap, back: swap });
  });
});
