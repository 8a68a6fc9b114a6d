// One front end against npm socket.io with the original's logic and against Crier: no difference.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { frontEnd } from "./reference/front_end.mjs";
import { closeClients, connect, TRANSPORTS } from "./support/client.mjs";
import { Redis } from "./support/redis.mjs";
import { publication, startServer, target } from "./support/server.mjs";
import { until } from "./support/until.mjs";

afterEach(closeClients);

for (const kind of ["memory", "redis"]) {
  for (const via of Object.keys(TRANSPORTS)) {
    test(`${via}, history in ${kind}: the front end sees the same`, async (t) => {
      const observed = [];
      for (const server of ["reference", target]) {
        const redis = kind === "redis" ? await Redis.start() : undefined;
        const running = await startServer({ kind: server, redisUrl: redis?.url });
        t.after(async () => {
          await running.stop();
          await redis?.kill();
        });
        observed.push(await frontEnd(running, via));
      }
      const [reference, crier] = observed;
      assert.ok(reference.newestFifty.length === 50, "the script saw what it should");
      if (target === "crier") {
        // The one difference: the official client's own recovery brings all sixty.
        assert.equal(crier.newestFifty.length, 60);
        crier.newestFifty = crier.newestFifty.slice(-50);
      }
      assert.deepEqual(crier, reference);
    });
  }
}

test("a stop looks the same to the client", async (t) => {
  const seen = [];
  for (const server of ["reference", target]) {
    const running = await startServer({ kind: server });
    t.after(() => running.stop());
    const client = await connect(running, { user: "ada", reconnection: false });
    running.signal("SIGTERM");
    await until(() => client.closes.length > 0);
    const { code } = await running.ended();
    seen.push({ closes: client.closes, code });
  }
  assert.deepEqual(seen[1], seen[0]);
});

test("where the reference loses events, Crier loses none", { skip: target !== "crier" }, async (t) => {
  // Many events in one millisecond, and a cursor in the middle of them.
  const lost = {};
  for (const kind of ["reference", "crier"]) {
    const running = await startServer({ kind });
    t.after(() => running.stop());
    const ada = await connect(running, { user: "ada" });
    await Promise.all(Array.from({ length: 40 }, (_, i) => running.post("alpha", publication(`r${i}`))));
    await until(() => ada.seen.length === 40);
    const live = ada.requestIds;
    lost[kind] = 0;
    for (let seen = 1; seen < 40; seen += 1) {
      const lastEventTimestamp = Date.parse(ada.seen[seen - 1].envelope.timestamp);
      const late = await connect(running, { user: "ada", lastEventTimestamp });
      await running.publish("alpha", `end-${seen}`);
      await late.received(`end-${seen}`);
      lost[kind] += live.slice(seen).filter((id) => !late.requestIds.includes(id)).length;
      late.close();
    }
    closeClients();
  }
  t.diagnostic(`events lost over 39 cursors: ${JSON.stringify(lost)}`);
  assert.ok(lost.reference > 0, "the comparison shows something");
  assert.equal(lost.crier, 0);
});
