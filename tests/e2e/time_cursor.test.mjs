// A page that knows nothing but the newest timestamp that it has seen, where that is not the time of what it lacks.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { closeClients, connect } from "./support/client.mjs";
import { exchange } from "./support/exchange.mjs";
import { Redis } from "./support/redis.mjs";
import { API_KEY, crierOnly, publication, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";
import { wire } from "./support/wire.mjs";

function publishRequest(program, requestId) {
  const body = JSON.stringify(publication(requestId));
  const head = `POST /api/v1/programs/${program}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${API_KEY}\r\n`;
  return `${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** Publishes [program, requestId]s so fast that numbers run ahead of the clock. */
async function burst(node, list) {
  const answers = (bytes) => bytes.toString("latin1").match(/\{"id":[^{}]*\}/g) ?? [];
  const requests = list.map(([program, requestId]) => publishRequest(program, requestId)).join("");
  await exchange(node.port, [requests], { done: (bytes) => answers(bytes).length === list.length });
}
const many = (program, name, count) => Array.from({ length: count }, (_, i) => [program, `${name}${i}`]);

async function byTime(node, user, lastEventTimestamp) {
  const page = await connect(node, { auth: { token: tokenFor(user), lastEventTimestamp } });
  const { programs } = await page.notice();
  return { programs, requestIds: page.requestIds, ids: page.seen.map(({ id }) => id) };
}

describe("a cursor by time", { skip: crierOnly }, () => {
  let redis;
  before(async () => {
    redis = await Redis.start({ keeps: true });
  });
  after(() => redis?.kill());
  afterEach(closeClients);

  test("a page that is reloaded with the time of an event without a number gets what did not come", async (t) => {
    const link = await wire(redis);
    t.after(() => link.close());
    const node = await startServer({ redisUrl: link.url });
    t.after(() => node.stop());
    const ben = await connect(node, { user: "ben" });
    await ben.notice();
    await node.publish("alpha", "first");
    await ben.received("first");
    link.mute();
    const lost = node.post("alpha", publication("not heard"), { "idempotency-key": "k" });
    await pause(100); // Redis stores it
    link.cut();
    await until(async () => (await node.get("/readyz")).json.history === "down");
    await node.publish("beta", "unnumbered");
    const time = ben.lastTimestamp;
    await ben.received("unnumbered");
    const cursor = ben.lastTimestamp;
    assert.equal(cursor, time - 1);
    ben.close();
    link.mend();
    await until(async () => {
      const ready = await node.get("/readyz");
      return ready.status === 200 && ready.json.owed.count === 0;
    });
    await lost;
    const { programs, requestIds } = await byTime(node, "ben", cursor);
    assert.equal(programs.beta, "gap");
    assert.ok(programs.alpha === "gap" || requestIds.includes("not heard"), JSON.stringify({ programs, requestIds }));
  });

  test("no event of before a restart of Redis with its data comes again under another id", async (t) => {
    const node = await startServer({ redisUrl: redis.url });
    t.after(() => node.stop());
    const ada = await connect(node, { user: "ada" });
    await ada.notice();
    const { timestamp: early } = await node.publish("alpha", "early");
    await pause(5); // or they share a millisecond
    const { timestamp: late } = await node.publish("alpha", "late");
    await ada.received("late");
    ada.close();
    await redis.kill();
    await redis.start();
    await until(async () => (await node.get("/readyz")).status === 200);
    const reset = { programs: { alpha: "reset" }, requestIds: [], ids: [] };
    for (const time of [late, early]) assert.deepEqual(await byTime(node, "ada", Date.parse(time)), reset);
    const { id, timestamp } = await node.publish("alpha", "new");
    await node.publish("alpha", "newer");
    const back = await byTime(node, "ada", Date.parse(early));
    assert.deepEqual([back.programs, back.requestIds], [reset.programs, ["new", "newer"]]);
    const since = await byTime(node, "ada", Date.parse(timestamp));
    assert.ok(since.requestIds.every((requestId) => requestId.startsWith("new")), since.requestIds.join());
    assert.ok(since.ids.every((each) => each.split(".")[0] === id.split(".")[0]), since.ids.join());
  });

  for (const [where, options] of [["in memory", () => ({})], ["in Redis", () => ({ redisUrl: redis.url })]]) {
    test(`one of an earlier history ${where}, whose numbers ran ahead of the clock, is told`, async (t) => {
      const node = await startServer(options());
      const ada = await connect(node, { user: "ada" });
      await ada.notice();
      await burst(node, [...many("gamma", "before", 300), ["alpha", "last seen"], ["alpha", "lost"]]);
      await ada.received("last seen");
      const cursor = Date.parse(ada.seen.find(({ envelope }) => envelope.requestId === "last seen").envelope.timestamp);
      ada.close();
      await node.stop("SIGKILL");
      if (where === "in Redis") await redis.command("FLUSHALL");
      const next = await startServer({ ...options(), store: node.store });
      t.after(() => next.stop());
      await next.publish("delta", "first of all");
      await until(() => Date.now() > cursor + 100);
      const { programs, requestIds } = await byTime(next, "ada", cursor);
      assert.ok(["gap", "reset"].includes(programs.alpha), "by whether the next one had begun by then");
      assert.deepEqual(requestIds, []);
      await next.publish("alpha", "new");
      await next.outlivesItsBeginning();
      const { timestamp } = await next.publish("alpha", "newer");
      assert.deepEqual((await byTime(next, "ada", Date.parse(timestamp))).programs, { alpha: "recovered" });
    });

    test(`one of an earlier history ${where} is told, though an event of the new one has that time`, async (t) => {
      const node = await startServer(options());
      const ada = await connect(node, { user: "ada" });
      await ada.notice();
      await burst(node, [...many("gamma", "before", 900), ["alpha", "last seen"]]);
      await ada.received("last seen");
      const cursor = ada.lastTimestamp;
      ada.close();
      await node.stop("SIGKILL");
      if (where === "in Redis") await redis.command("FLUSHALL");
      const next = await startServer({ ...options(), store: node.store });
      t.after(() => next.stop());
      const ben = await connect(next, { user: "ben" });
      await ben.notice();
      const { timestamp } = await next.publish("alpha", "lost");
      const between = cursor - Date.parse(timestamp);
      assert.ok(between > 0, "the earlier history's numbers ran further ahead");
      await burst(next, [...many("delta", "between", Math.max(between - 20, 0)), ...many("alpha", "same", 40)]);
      await ben.received("same39");
      const times = ben.seen.map(({ envelope }) => Date.parse(envelope.timestamp));
      assert.ok(times.includes(cursor), "one of the new history has that time");
      assert.equal((await byTime(next, "ada", cursor)).programs.alpha, "gap");
    });

    test(`one whose millisecond another event shares brings that, ${where}, whatever came since`, async (t) => {
      const node = await startServer(options());
      t.after(() => node.stop());
      const ben = await connect(node, { user: "ben" });
      await ben.notice();
      const pairs = Array.from({ length: 50 }, (_, i) => [["alpha", `a${i}`], ["beta", `b${i}`]]);
      await burst(node, [...many("delta", "before", 5000), ...pairs.flat()]);
      await ben.received("b49");
      const times = new Map(ben.seen.map(({ envelope }) => [envelope.requestId, envelope.timestamp]));
      const shared = pairs.findIndex((_, i) => times.get(`a${i}`) === times.get(`b${i}`));
      assert.notEqual(shared, -1, "numbers ran more than a second ahead");
      for (let i = 0; i < 60; i += 1) await node.publish("alpha", `later${i}`);
      const { programs, requestIds } = await byTime(node, "ben", Date.parse(times.get(`a${shared}`)));
      assert.equal(programs.alpha, "gap");
      assert.ok(programs.beta === "gap" || requestIds.includes(`b${shared}`), JSON.stringify({ programs, requestIds }));
    });

    test(`one whose millisecond several events had, none of which is kept ${where}, is told`, async (t) => {
      const node = await startServer({ ...options(), env: { CRIER_HISTORY_EVENTS_MAX: "1" } });
      t.after(() => node.stop());
      const ada = await connect(node, { user: "ada" });
      await ada.notice();
      await node.outlivesItsBeginning();
      await burst(node, [...many("delta", "before", 5000), ...many("alpha", "a", 50)]);
      await ada.received("a49");
      const times = ada.seen.map(({ envelope }) => Date.parse(envelope.timestamp));
      const shared = times.find((time, i) => time === times[i + 1]);
      assert.ok(shared, "numbers ran more than a second ahead");
      await until(() => Date.now() > times.at(-1), { within: 20_000 });
      const { timestamp } = await node.publish("alpha", "after");
      const told = async (time) => (await byTime(node, "ada", time)).programs;
      assert.deepEqual(await told(shared), { alpha: "gap" });
      assert.deepEqual(await told(Date.parse(timestamp)), { alpha: "recovered" });
      await node.publish("alpha", "next");
      assert.deepEqual(await told(Date.parse(timestamp)), { alpha: "recovered" }, "it had its millisecond alone");
    });
  }
});
