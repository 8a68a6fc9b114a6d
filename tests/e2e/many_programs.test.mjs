// A user of 10,000 programs with ids of the greatest length: a pid of at most 1 KiB knows them all.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { closeClients, connect } from "./support/client.mjs";
import { FrameRelay } from "./support/frame_relay.mjs";
import { crier, crierOnly, startServer } from "./support/server.mjs";
import { until } from "./support/until.mjs";

const programs = Array.from({ length: 10_000 }, (_, i) => String(i).padStart(5, "0").padEnd(128, "p"));

describe("a user of 10,000 programs", { skip: crierOnly }, () => {
  let server;
  let relay;
  before(async () => {
    server = await startServer({
      env: { CRIER_HISTORY_EVENTS_MAX: "3" },
      people: {
        users: [{ id: "ada", name: "Ada Byron", role: "requester", active: true }],
        members: programs.map((programId) => ({ programId, userId: "ada", active: true })),
      },
    });
    relay = await FrameRelay.to(server.port);
  });
  after(async () => {
    relay.close();
    await server.stop();
  });
  afterEach(closeClients);

  for (const via of ["websocket", "polling"]) {
    test(`is recovered but for the one that has a gap, over ${via}`, async () => {
      const client = await connect({ url: relay.url }, { user: "ada", via });
      assert.deepEqual(await client.notice(), { recovered: false, replayed: 0, programs: {}, others: "joined" });
      assert.ok(client.pid.length <= 1024, `a pid of ${client.pid.length} bytes`);

      relay.cut();
      await server.publish(programs[7], "missed-1");
      await server.publish(programs[9_999], "missed-2");
      await client.received("missed-2");
      assert.deepEqual(await client.notice(2), { recovered: true, replayed: 2, programs: {}, others: "recovered" });
      assert.deepEqual(client.requestIds, ["missed-1", "missed-2"]);

      relay.cut();
      for (let i = 0; i < 5; ++i) await server.publish(programs[1_234], `gone-${i}`);
      assert.deepEqual(await client.notice(3), {
        recovered: false,
        replayed: 3,
        programs: { [programs[1_234]]: "gap" },
        others: "recovered",
      });
    });
  }

  test("hears of programs that have come and gone", async () => {
    const client = await connect({ url: relay.url }, { user: "ada" });
    await client.notice();
    crier("member", "remove", programs[5], "ada", "--store", server.store);
    crier("member", "add", "new", "ada", "--store", server.store);
    relay.cut();
    const told = await client.notice(2);
    assert.equal(told.programs.new, "joined");
    assert.equal(told.others, "recovered");
    assert.equal(told.changed, true, "the pid has no room for the name of what has gone");
    await until(() => client.socket.connected);
  });
});
