// An event of a program reaches its active members, and nobody else.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { closeClients, connect, TRANSPORTS } from "./support/client.mjs";
import { crier, crierOnly, publication, startServer, target } from "./support/server.mjs";

let server;
before(async () => {
  server = await startServer({ workers: 2 });
});
after(() => server?.stop());
afterEach(closeClients);

const EVENTS = [
  "request:created", "request:updated", "request:status_changed", "request:assigned", "request:deleted",
  "comment:added", "comment:deleted", "attachment:uploaded", "attachment:deleted", "notification:created",
  "chain:step_advanced",
];

for (const via of Object.keys(TRANSPORTS)) {
  describe(`over ${via}`, () => {
    test("an event reaches the members of its program and no other user", async () => {
      const [ada, ben, cleo, eve] = await Promise.all(
        ["ada", "ben", "cleo", "eve"].map((user) => connect(server, { user, via })),
      );
      // Each client's own event comes last, and the order is one: what would leak comes before it.
      await server.publish("alpha", "a1");
      await server.publish("gamma", "g1");
      await server.publish("beta", "b1");
      await server.publish("alpha", "a2");
      await Promise.all([ada.received("a2"), ben.received("a2"), cleo.received("b1"), eve.received("b1")]);
      assert.deepEqual(ada.requestIds, ["a1", "a2"]);
      assert.deepEqual(ben.requestIds, ["a1", "g1", "b1", "a2"]);
      assert.deepEqual(cleo.requestIds, ["b1"]);
      assert.deepEqual(eve.requestIds, ["b1"], "eve's membership of alpha is not active");
    });

    test("the client receives the event's name and its envelope", async () => {
      const ada = await connect(server, { user: "ada", via });
      const data = { title: "Ä bell 🔔 \u2028 \"quoted\" \\ back", list: [1, 2.5, null, true, { deep: [[]] }], big: 12345678901234567890n.toString() };
      for (const event of EVENTS) {
        const before = Date.now();
        const answer = await server.publish("alpha", `${event}/1`, { event, data });
        const seen = await ada.received(`${event}/1`);
        assert.equal(seen.event, event);
        const { timestamp, ...envelope } = seen.envelope;
        assert.deepEqual(envelope, {
          event,
          programId: "alpha",
          requestId: `${event}/1`,
          data,
          performedBy: { userId: "ben", name: "Ben Okri" },
        });
        assert.deepEqual(Object.keys(seen.envelope), ["event", "programId", "requestId", "data", "performedBy", "timestamp"]);
        assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        assert.equal(timestamp, answer.timestamp);
        assert.ok(Math.abs(Date.parse(timestamp) - before) < 2000, timestamp);
        if (target === "crier") {
          assert.equal(seen.id, answer.id);
          assert.match(seen.id, /^[A-Za-z0-9_-]+\.\d+$/);
        }
      }
    });

    test("two connections of one user both receive, and one's end leaves the other", async () => {
      const first = await connect(server, { user: "ada", via });
      const second = await connect(server, { user: "ada", via: "websocket" });
      await server.publish("alpha", "both");
      await Promise.all([first.received("both"), second.received("both")]);
      first.close();
      await server.publish("alpha", "one");
      await second.received("one");
      assert.equal(second.connections, 1);
    });
  });
}

test("program ids are percent-decoded once, and names that need it work", { skip: crierOnly }, async () => {
  const names = ["Größe 1", "a/b", "50%25", "x?y#z", "é".repeat(64), "'\"<>", "a b+c"];
  for (const name of names) crier("member", "add", name, "ada", "--store", server.store);
  const ada = await connect(server, { user: "ada" });
  for (const [i, name] of names.entries()) {
    await server.publish(name, `n${i}`);
    assert.equal((await ada.received(`n${i}`)).envelope.programId, name);
  }
});

test("numbers count each program's events from one, and ids grow over all of them", { skip: crierOnly }, async () => {
  const answers = [];
  for (let i = 0; i < 5; i += 1) {
    for (const program of ["count-1", "count-2"]) answers.push({ program, ...(await server.publish(program, `c${i}`)) });
  }
  for (const program of ["count-1", "count-2"]) {
    assert.deepEqual(answers.filter((a) => a.program === program).map((a) => a.seq), [1, 2, 3, 4, 5]);
  }
  const gids = answers.map(({ id }) => BigInt(id.split(".")[1]));
  for (let i = 1; i < gids.length; i += 1) assert.ok(gids[i] > gids[i - 1], `${gids[i - 1]} < ${gids[i]}`);
});

test("a user who is added, or whose membership changes, is looked up at the next connect", { skip: crierOnly }, async () => {
  crier("user", "add", "fay", "--name", "Fay Wray", "--store", server.store);
  crier("member", "add", "alpha", "fay", "--store", server.store);
  const first = await connect(server, { user: "fay" });
  await server.publish("alpha", "with-fay");
  await first.received("with-fay");
  first.close();
  crier("member", "remove", "alpha", "fay", "--store", server.store);
  crier("member", "add", "beta", "fay", "--store", server.store);
  const second = await connect(server, { user: "fay" });
  await server.publish("alpha", "without-fay");
  await server.publish("beta", "beta-fay");
  await second.received("beta-fay");
  assert.deepEqual(second.requestIds, ["beta-fay"]);
  second.close();
  crier("user", "deactivate", "fay", "--store", server.store);
  const third = connect(server, { user: "fay" });
  await assert.rejects(third, /User not found or inactive/);
});

describe("the publish API", () => {
  const path = "/api/v1/programs/alpha/events";
  const body = JSON.stringify(publication("p1"));
  const json = { "content-type": "application/json" };

  /** [what, () => answer, status, code, path] */
  const REFUSED = [
    ["no key", () => server.request("POST", path, { headers: json, body }), 401],
    ["a wrong key", () => server.post("alpha", body, { authorization: "Bearer wrong" }), 401],
    ["the key with another scheme", () => server.post("alpha", body, { authorization: "Basic x" }), 401],
    ["GET", () => server.request("GET", path, { headers: { authorization: `Bearer ${"x"}` } }), [401, 405]],
    ["another path", () => server.request("POST", "/api/v1/programs/alpha/event", { headers: json, body }), 404],
    ["no JSON", () => server.post("alpha", "{"), 400],
    ["bad UTF-8", () => server.post("alpha", Buffer.concat([Buffer.from(body.slice(0, -1)), Buffer.from([0xff, 0x7d])])), 400],
    ["another content type", () => server.post("alpha", body, { "content-type": "text/plain" }), 415],
    ["over 1 MiB", () => server.post("alpha", publication("big", { data: { text: "x".repeat(1024 * 1024) } })), 413],
    ["an unknown event", () => server.post("alpha", { ...publication("u"), event: "request:exploded" }), 422, "unknown_event", "/event"],
    ["no requestId", () => server.post("alpha", { ...publication("u"), requestId: undefined }), 422, "missing_member", "/requestId"],
    ["data that is no object", () => server.post("alpha", publication("u", { data: [1] })), 422, "wrong_type", "/data"],
    ["a user without a name", () => server.post("alpha", { ...publication("u"), performedBy: { userId: "ben" } }), 422, undefined, "/performedBy/name"],
  ];
  for (const [what, call, status, code, where] of REFUSED) {
    test(`${what} is answered ${status}`, async () => {
      const answer = await call();
      assert.ok([status].flat().includes(answer.status), `${answer.status} ${answer.text}`);
      assert.deepEqual(Object.keys(answer.json).sort(), ["code", "message", "path"]);
      if (target !== "crier") return;
      if (code) assert.equal(answer.json.code, code);
      if (where) assert.equal(answer.json.path, where);
    });
  }

  test("a duplicate key is answered 400, an unknown member 422", { skip: crierOnly }, async () => {
    assert.equal((await server.post("alpha", body.replace("{", '{"event":"request:created",'))).status, 400);
    const extra = await server.post("alpha", { ...publication("u"), extra: 1 });
    assert.deepEqual([extra.status, extra.json.path], [422, "/extra"]);
  });

  test("nothing of a refused publish is sent", async () => {
    const ada = await connect(server, { user: "ada" });
    for (const [, call] of REFUSED) await call();
    await server.publish("alpha", "the-only-one");
    await ada.received("the-only-one");
    assert.deepEqual(ada.requestIds, ["the-only-one"]);
  });
});

test("/healthz, /readyz and /metrics answer", { skip: crierOnly }, async () => {
  assert.equal((await server.get("/healthz")).status, 200);
  assert.equal((await server.get("/readyz")).status, 200);
  const metrics = await server.get("/metrics");
  assert.equal(metrics.status, 200);
  for (const line of metrics.text.split("\n").filter(Boolean)) {
    assert.match(line, /^(# (HELP|TYPE) crier_\w+ .+|crier_\w+(\{.*\})? [-+0-9.eEInfNa]+)$/);
  }
});

test("the demo's routes are not there without --dev", async () => {
  for (const [method, path] of [["GET", "/"], ["GET", "/dev/state"], ["POST", "/dev/token"], ["GET", "/demo.js"]]) {
    assert.equal((await server.request(method, path)).status, 404, path);
  }
});

test("CORS: the configured origin may call with credentials, another may not", async () => {
  const ask = (origin) => server.request("GET", "/socket.io/?EIO=4&transport=polling", { headers: { origin } });
  const mine = await ask("http://localhost:5173");
  assert.equal(mine.headers["access-control-allow-origin"], "http://localhost:5173");
  assert.equal(mine.headers["access-control-allow-credentials"], "true");
  const other = await ask("http://evil.example");
  assert.notEqual(other.headers["access-control-allow-origin"], "http://evil.example");
});
