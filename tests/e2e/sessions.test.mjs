// A session is told nothing that Redis does not keep.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Client, closeClients, connect } from "./support/client.mjs";
import { Redis } from "./support/redis.mjs";
import { crier, crierOnly, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";

describe("a session whose position is refused", { skip: crierOnly }, () => {
  let redis;
  let server;
  before(async () => {
    redis = await Redis.start();
    server = await startServer({ redisUrl: redis.url });
    member("remove");
  });
  after(async () => {
    await server?.stop();
    await redis?.kill();
  });
  afterEach(closeClients);

  const member = (what) => crier("member", what, "gamma", "ben", "--store", server.store);
  const status = async () => (await server.get("/readyz")).status;

  for (const setting of ["min-replicas-to-write", "maxmemory"]) {
    test(`is not joined to a program that it would not be told to have left, by ${setting}`, async () => {
      const options = { user: "ben", auth: { token: tokenFor("ben"), session: setting } };
      const first = await connect(server, options);
      await first.notice();
      first.close();
      member("add");
      redis.command("CONFIG", "SET", setting, 1);
      let client = new Client(server, options);
      await until(async () => client.notices.length > 0 || (await status()) === 503, { what: () => "Redis to refuse" });
      const told = client.notices[0]?.programs.gamma;
      member("remove");
      redis.command("CONFIG", "SET", setting, 0);
      await until(async () => (await status()) === 200, { what: () => "/readyz" });
      if (told !== undefined) {
        client.close(); // the same one would come back with a pid
        client = await connect(server, options);
      }
      const { programs } = await client.notice();
      assert.deepEqual([told, programs.gamma], told === "joined" ? [told, "left"] : [undefined, undefined]);
      assert.equal(programs.alpha, "joined");
    });
  }
});
