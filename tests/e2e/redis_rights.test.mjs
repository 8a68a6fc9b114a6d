// A right is withdrawn from a gateway that runs, by Redis' administrator.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { closeClients, connect } from "./support/client.mjs";
import { Redis } from "./support/redis.mjs";
import { crierOnly, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";

describe("a right that is withdrawn", { skip: crierOnly }, () => {
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
  const ready = () => until(async () => (await server.get("/readyz")).status === 200, { what: () => "/readyz" });

  for (const rule of ["publish", "channels", "hset", "pexpire"]) {
    test(`nobody gets an event twice, and who was away is told, without ${rule}`, async () => {
      await ready();
      const away = await server.publish("alpha", `before ${rule}`);
      const stays = await connect(server, { user: "ada" });
      await stays.notice();
      if (rule === "pexpire") await pause(1_100); // once a second
      redis.command("ACL", "SETUSER", "default", rule === "channels" ? "resetchannels" : `-${rule}`);
      const answer = await server.publish("alpha", `during ${rule}`);
      redis.command("ACL", "SETUSER", "default", "+@all", "allchannels");
      assert.equal(answer.recoverable, false);
      await stays.received(`during ${rule}`);
      await ready();
      await server.publish("alpha", `after ${rule}`);
      await stays.received(`after ${rule}`);
      await stays.connected(2);
      const client = await connect(server, { auth: { token: tokenFor("ben"), lastEventId: away.id } });
      assert.equal((await client.notice()).programs.alpha, "gap");
      assert.ok(!client.requestIds.includes(`during ${rule}`), "which nobody can place");
      assert.equal(new Set(stays.requestIds).size, stays.requestIds.length, stays.requestIds.join());
    });
  }
});
