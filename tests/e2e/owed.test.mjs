// What went out without a number while Redis was away, and the process that owes the marker for it ends or is killed: a member
// at another node is told all the same. And what a node that starts tells, and when it lets clients in.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Client, closeClients, connect } from "./support/client.mjs";
import { Redis } from "./support/redis.mjs";
import { crierOnly, freePort, publication, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";
import { wire } from "./support/wire.mjs";

const status = async (server, path) => (await server.get(path).catch(() => null))?.status;
const ready = (server) => until(async () => (await status(server, "/readyz")) === 200, { what: () => `/readyz\n${server.log}` });
const ownedFiles = (server) => readdirSync(dirname(server.store)).filter((name) => name.includes(".owed."));

for (const workers of ["1", "3"]) {
  describe(`a node that owes a gap marker, ${workers} worker(s)`, { skip: crierOnly }, () => {
    let redis;
    let link;
    let other;
    before(async () => {
      redis = await Redis.start({ keeps: true });
      link = await wire(redis);
      other = await startServer({ redisUrl: redis.url });
    });
    after(async () => {
      await other?.stop();
      link?.close();
      await redis?.kill();
    });
    afterEach(closeClients);

    const env = { CRIER_SERVER_WORKERS: workers, CRIER_HISTORY_START_DEADLINE: "200ms", CRIER_HTTP_SHUTDOWN_TIMEOUT: "3s" };
    const start = (options = {}) => startServer({ redisUrl: link.url, env, ...options });

    /** A node that has sent an event without a number, and a member at the other node that did not get it. */
    async function owing(name) {
      const node = await start();
      const away = await connect(other, { user: "ada" });
      await node.publish("alpha", `${name}-1`);
      await away.received(`${name}-1`);
      link.cut();
      await until(async () => (await node.get("/readyz")).json.history === "down");
      assert.equal((await node.publish("alpha", `${name}-2`)).recoverable, false);
      assert.deepEqual((await node.get("/readyz")).json.owed, { count: 1, programs: ["alpha"] });
      assert.deepEqual(ownedFiles(node).map((file) => readFileSync(`${dirname(node.store)}/${file}`, "utf8")), ['"alpha"\n']);
      return { node, away };
    }
    async function told(client) {
      await client.connected(2);
      assert.equal(client.socket.recovered, false);
      assert.equal((await client.notice(client.notices.length || 1)).programs.alpha, "gap");
    }

    test("SIGTERM as soon as Redis is there: the end waits for the marker", async () => {
      const { node, away } = await owing("term");
      link.mend();
      await pause(50);
      node.signal("SIGTERM");
      assert.deepEqual(await node.ended(), { code: 0, signal: null });
      await told(away);
      assert.deepEqual(ownedFiles(node), []);
      assert.doesNotMatch(node.log, /still owed/);
    });

    test("a client that returns the moment Redis does is told", async () => {
      const node = await start();
      try {
        for (let outage = 0; outage < 5; outage += 1) {
          await ready(node);
          const { id } = await node.publish("alpha", `known-${outage}`);
          link.cut();
          await until(async () => (await node.get("/readyz")).json.history === "down");
          for (let i = 0; i < 3; i += 1) assert.equal((await node.publish("alpha", `${outage}-${i}`)).recoverable, false);
          link.mend();
          const back = await connect(node, { auth: { token: tokenFor("ada"), lastEventId: id } });
          assert.equal((await back.notice()).programs.alpha, "gap");
          back.close();
        }
      } finally {
        await node.stop();
      }
    });

    for (const [how, signal] of [["SIGTERM", "SIGTERM"], ["kill -9", "SIGKILL"]]) {
      test(`${how} while Redis is away: the next process tells`, async () => {
        const { node, away } = await owing(signal);
        const { store } = node;
        node.signal(signal);
        await node.ended();
        if (signal === "SIGTERM") assert.match(node.log, /still owed.*count=1.*alpha/);
        assert.equal(away.connections, 1, "nobody has told it yet");
        link.mend();
        const next = await start({ store });
        await told(away);
        await until(async () => (await next.get("/readyz")).json.owed.count === 0);
        await next.stop("SIGTERM");
        assert.deepEqual(ownedFiles(next), []);
      });

      test(`${how} and a start while Redis is away: told when it is there`, async () => {
        const { node, away } = await owing(`${signal}-both`);
        const { store } = node;
        node.signal(signal);
        await node.ended();
        const next = await start({ store, waitReady: false });
        await until(async () => (await status(next, "/readyz")) === 503);
        assert.deepEqual((await next.get("/readyz")).json.owed, { count: 1, programs: ["alpha"] });
        link.mend();
        await told(away);
        await ready(next);
        await next.stop();
      });
    }
  });
}

describe("the file of what is owed", { skip: crierOnly }, () => {
  let redis;
  let link;
  let store;
  before(async () => {
    redis = await Redis.start({ keeps: true });
    link = await wire(redis);
  });
  after(async () => {
    link?.close();
    await redis?.kill();
  });
  beforeEach(async () => {
    const node = await start({});
    ({ store } = node);
    await node.stop();
  });
  afterEach(() => {
    closeClients();
    link.mend();
  });

  const start = (options) => startServer({ redisUrl: link.url, env: { CRIER_HISTORY_START_DEADLINE: "200ms", CRIER_HTTP_SHUTDOWN_TIMEOUT: "1s" }, ...options });
  const owed = async (node) => (await node.get("/readyz")).json.owed;
  const text = () => readFileSync(`${store}.owed.0`, "utf8");
  async function cut(node) {
    link.cut();
    await until(async () => (await node.get("/readyz")).json.history === "down");
  }
  async function verdict(node, lastEventId) {
    const client = await connect(node, { auth: { token: tokenFor("cleo"), lastEventId } });
    const { beta } = (await client.notice()).programs;
    client.close();
    return beta;
  }

  for (const [what, left] of [["a part of a line", '"alph'], ["zeros", "\0".repeat(4096)], ["what ends in a backslash", '"alpha"\n"rubbish\\']]) {
    test(`holds ${what} when a process takes it over: the next debt is read all the same`, async () => {
      writeFileSync(`${store}.owed.0`, left);
      const node = await start({ store });
      const { id } = await node.publish("beta", "known");
      await until(async () => (await owed(node)).count === 0);
      await cut(node);
      assert.equal((await node.publish("beta", "unnumbered")).recoverable, false);
      const isReadable = left.startsWith('"');
      assert.equal(text(), isReadable ? '"beta"\n' : 'null\n"beta"\n');
      node.signal("SIGKILL");
      await node.ended();
      link.mend();
      const next = await start({ store });
      assert.equal(await verdict(next, id), "gap");
      assert.equal(/cannot be read/.test(next.log), !isReadable, "that it was not read outlives the process");
      await next.stop();
    });
  }

  test("cannot be read: /readyz says so, and each program counts as owed once", async () => {
    const before = await start({ store });
    const { id } = await before.publish("beta", "before");
    await before.stop();
    writeFileSync(`${store}.owed.0`, "\0".repeat(4096));
    const node = await start({ store });
    assert.deepEqual(await owed(node), { count: 0, programs: [], unreadable: true });
    assert.match(node.log, /level=error msg="what programs are owed cannot be read/);
    assert.equal(await verdict(node, id), "gap");
    await until(async () => (await owed(node)).count === 0);
    assert.equal(await verdict(node, id), "gap", "the marker is there");
    const { id: later } = await node.publish("beta", "later");
    assert.equal(await verdict(node, later), "recovered");
    await node.stop();
  });

  test("is removed, or cut off, while the node owes: the next debt brings it back", async () => {
    const node = await start({ store });
    await cut(node);
    await node.publish("alpha", "1");
    rmSync(`${store}.owed.0`);
    await node.publish("beta", "2");
    assert.equal(text(), '"alpha"\n"beta"\n');
    writeFileSync(`${store}.owed.0`, "");
    await node.publish("gamma", "3");
    assert.equal(text(), '"alpha"\n"beta"\n"gamma"\n');
    link.mend();
    await node.stop();
  });

  test("cannot be written: /readyz says so until it can be", async () => {
    const folder = `${dirname(store)}/later`;
    const node = await start({ store, env: { CRIER_HISTORY_OWED_FILE: `${folder}/owed`, CRIER_HTTP_SHUTDOWN_TIMEOUT: "1s" } });
    assert.deepEqual(await owed(node), { count: 0, programs: [], kept: false });
    await cut(node);
    await node.publish("alpha", "1");
    assert.deepEqual(await owed(node), { count: 1, programs: ["alpha"], kept: false });
    mkdirSync(folder);
    await node.publish("beta", "2");
    assert.deepEqual(await owed(node), { count: 2, programs: ["alpha", "beta"] });
    assert.equal(readFileSync(`${folder}/owed.0`, "utf8"), '"alpha"\n"beta"\n');
    link.mend();
    await node.stop();
  });
});

describe("a program whose appends Redis refuses", { skip: crierOnly }, () => {
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

  test("is told `gap` for as long as it lasts, and /readyz names it", async () => {
    const member = await connect(server, { user: "ben" }); // the node knows the program's events
    const before = await server.publish("alpha", "before");
    await member.received("before");
    redis.command("DEL", "socket:events:program:alpha");
    redis.command("SET", "socket:events:program:alpha", "of another type");
    assert.equal((await server.publish("alpha", "lost")).recoverable, false);
    const returning = async () => {
      const client = await connect(server, { auth: { token: tokenFor("ada"), lastEventId: before.id } });
      const verdict = (await client.notice()).programs.alpha;
      client.close();
      return verdict;
    };
    for (let i = 0; i < 3; i += 1) {
      assert.equal(await returning(), "gap");
      await pause(600); // the marker is tried again meanwhile
    }
    const answer = await server.get("/readyz");
    assert.equal(answer.status, 200, "other programs are served");
    assert.deepEqual(answer.json.owed, { count: 1, programs: ["alpha"] });
    assert.match((await server.get("/metrics")).text, /^crier_programs_owed 1$/m);
    redis.command("DEL", "socket:events:program:alpha");
    await until(async () => (await server.get("/readyz")).json.owed.count === 0);
    assert.equal(await returning(), "gap", "the marker is there");
    assert.ok((await server.publish("alpha", "after")).id);
  });

  test("is named by /readyz though nobody publishes, whichever worker is asked", async () => {
    redis.command("DEL", "socket:events:program:beta");
    redis.command("SET", "socket:events:program:beta", "of another type");
    const client = await connect(server, { auth: { token: tokenFor("ben"), lastEventId: "0" } });
    assert.equal((await client.notice()).programs.beta, "reset");
    const broken = async () => (await server.get("/readyz")).json.broken;
    await until(async () => (await broken()).count === 1);
    assert.deepEqual(await broken(), { count: 1, programs: ["beta"] });
    redis.command("DEL", "socket:events:program:beta");
    await until(async () => (await broken()).count === 0);
  });
});

for (const workers of ["1", "3"]) {
  test(`a program whose key was mended: a gap no longer than it lasted, ${workers} worker(s)`, { skip: crierOnly }, async () => {
    const redis = await Redis.start();
    const server = await startServer({ redisUrl: redis.url, workers });
    const broken = async () => (await server.get("/readyz")).json.broken.programs;
    const members = { alpha: "ada", beta: "cleo" }; // the second program is one that no worker knows yet
    const verdict = async (program, lastEventId) => {
      const client = await connect(server, { auth: { token: tokenFor(members[program]), lastEventId } });
      const { programs } = await client.notice();
      client.close();
      return programs[program];
    };
    try {
      for (const [program, type] of [["alpha", "LPUSH"], ["beta", "SET"]]) {
        const key = `socket:events:program:${program}`;
        const { id } = await server.publish(program, "before");
        redis.command("DEL", key);
        redis.command(type, key, "of another type");
        for (let i = 0; i < 8; i += 1) assert.equal(await verdict(program, id), "gap", "it lasts");
        assert.deepEqual(await broken(), [program]);
        redis.command("DEL", key);
        const mended = await server.publish(program, "after");
        assert.ok(mended.id, "it has a number");
        // Whatever worker they come to, also one that had found it broken and was not asked since.
        for (let i = 0; i < 8; i += 1) assert.equal(await verdict(program, mended.id), "recovered", "mended");
        await until(async () => (await broken()).length === 0, { within: 7_000 }); // a check comes every 5 s
      }
    } finally {
      closeClients();
      await server.stop();
      await redis.kill();
    }
  });
}

describe("a start", { skip: crierOnly }, () => {
  let redis;
  before(async () => {
    redis = await Redis.start();
  });
  after(() => redis?.kill());
  afterEach(closeClients);

  test("with Redis there and 100 clients waiting: none is let in without a cursor and closed later", async () => {
    const port = await freePort();
    const waiting = Array.from(
      { length: 100 },
      () => new Client({ url: `http://127.0.0.1:${port}` }, { user: "ada", reconnectionDelay: 5, reconnectionDelayMax: 10 }),
    );
    await pause(200);
    const link = await wire(redis, { lag: 300 });
    const server = await startServer({ redisUrl: link.url, port });
    try {
      for (const client of waiting) await client.connected();
      await server.publish("alpha", "to all");
      for (const client of waiting) {
        await client.received("to all");
        assert.ok(client.pid, "it has a cursor");
      }
      await pause(1000);
      assert.equal(waiting.filter(({ connections }) => connections !== 1).length, 0);
    } finally {
      await server.stop();
      link.close();
    }
  });

  test("without Redis: the port is closed until the deadline, then clients are let in", async () => {
    const server = await startServer({
      redisUrl: `redis://127.0.0.1:${await freePort()}`,
      waitReady: false,
      env: { CRIER_HISTORY_START_DEADLINE: "1500ms" },
    });
    try {
      const started = performance.now();
      await until(() => /serving/.test(server.log));
      assert.equal(await status(server, "/healthz"), undefined, "refused");
      await until(async () => (await status(server, "/healthz")) === 200);
      assert.ok(performance.now() - started > 1000);
      const ada = await connect(server, { user: "ada" });
      assert.deepEqual((await server.post("alpha", publication("early"))).json.recoverable, false);
      await ada.received("early");
      assert.match(server.log, /has not answered/);
    } finally {
      await server.stop();
    }
  });
});
