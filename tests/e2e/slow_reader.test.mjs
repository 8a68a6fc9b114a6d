// A client that does not read costs a bounded amount and is closed; nobody else notices, and it catches
// up when it comes back.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectPlainly } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { connect as connectSecurely } from "node:tls";
import { closeClients, connect } from "./support/client.mjs";
import { exchange, headOfAnswer } from "./support/exchange.mjs";
import { connectMany, RawClient } from "./support/raw_client.mjs";
import { API_KEY, crierOnly, publication, startServer, temporaryFolder, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";

/** For startServer(): its own authority. */
function certificate() {
  const folder = temporaryFolder();
  const args = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out crt -subj /CN=x -addext subjectAltName=IP:127.0.0.1 -days 1";
  const { status, stderr } = spawnSync("openssl", args.split(" "), { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return { certificate: join(folder, "crt"), key: join(folder, "key"), ca: join(folder, "crt") };
}

describe("clients that do not read", { skip: crierOnly }, () => {
  let server;
  before(async () => {
    server = await startServer({ env: { CRIER_ENGINE_BACKLOG_BYTES_MAX: "1048576", CRIER_HISTORY_BYTES_MAX: "1048576" } });
    await server.outlivesItsBeginning();
  });
  after(() => server?.stop());
  afterEach(closeClients);

  test("they are closed at their bound, others get everything, and memory stays", { timeout: 60_000 }, async (t) => {
    const reader = await connect(server, { user: "ben" });
    const slow = [];
    for (let i = 0; i < 20; i += 1) {
      const client = new RawClient(server.port, { token: tokenFor("ada") });
      await new Promise((done) => {
        client.onConnect = done;
      });
      client.socket.pause();
      slow.push(client);
    }
    const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]) / 1024;
    const before = resident();
    let peak = before;
    const data = { text: "x".repeat(16_000) };
    const count = 1500;
    for (let i = 1; i <= count; i += 1) {
      await server.publish("alpha", `s${i}`, { data });
      peak = Math.max(peak, resident());
    }
    await reader.received(`s${count}`);
    assert.equal(reader.seen.length, count);
    assert.equal(reader.connections, 1);
    // 24 MB were owed to each; the kernel holds a few, the server at most 1 MiB, and shares the bytes.
    t.diagnostic(`RSS ${before.toFixed(1)} → at most ${peak.toFixed(1)} MiB`);
    assert.ok(peak - before < 60, `RSS grew by ${(peak - before).toFixed(1)} MiB`);

    let closed = 0;
    for (const client of slow) {
      client.closed.then(() => {
        closed += 1;
      });
      client.socket.resume();
    }
    await until(() => closed === slow.length, { what: () => `${closed} of ${slow.length} slow clients to be closed` });
    // Published this fast, events may share the cursor's millisecond: then all of it comes again.
    const at = ({ envelope }) => Date.parse(envelope.timestamp);
    const cursor = at(reader.seen.at(-6));
    const shared = reader.seen.filter((event) => at(event) === cursor);
    const owed = reader.seen.filter((event) => at(event) > cursor || (shared.length > 1 && at(event) === cursor)).slice(-50);
    const back = await connect(server, { user: "ada", lastEventTimestamp: cursor });
    await back.received(`s${count}`);
    assert.deepEqual(back.seen.map(({ id }) => id), owed.map(({ id }) => id));
  });
});

describe("members of several programs that do not read", { skip: crierOnly }, () => {
  test("share what they are owed of events that were published at once", { timeout: 60_000 }, async (t) => {
    const server = await startServer();
    t.after(() => server.stop());
    const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]) / 1024;
    const clients = await connectMany(server.port, 200, () => ({ token: tokenFor("ben") }));
    await until(async () => /^crier_sockets 200$/m.test((await server.get("/metrics")).text));
    for (const client of clients) client.socket.pause();
    const before = peak();
    const requests = Array.from({ length: 400 }, (_, i) => {
      const body = JSON.stringify(publication(`${i}`, { data: { text: "x".repeat(8_000) } }));
      const head = `POST /api/v1/programs/${i % 2 === 0 ? "alpha" : "beta"}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${API_KEY}\r\n`;
      return `${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    });
    const answered = (bytes) => (bytes.toString("latin1").match(/HTTP\/1\.1 202/g) ?? []).length === requests.length;
    await exchange(server.port, [requests.join("")], { done: answered });
    await until(async () => Number(/^crier_deliveries_total (\d+)$/m.exec((await server.get("/metrics")).text)[1]) >= 200 * 400);
    const grown = peak() - before;
    t.diagnostic(`peak ${Math.round(before)} → ${Math.round(before + grown)} MiB`);
    assert.ok(grown < 100, `200 clients are owed 3 MiB each: ${Math.round(grown)} MiB more`);
    for (const client of clients) client.destroy();
  });
});

describe("members over polling that poll late and do not read", { skip: crierOnly }, () => {
  const POLLING = "/socket.io/?EIO=4&transport=polling";
  const joined = async (server) => {
    const { sid } = JSON.parse((await server.get(POLLING)).text.slice(1));
    const packet = `40${JSON.stringify({ token: tokenFor("ada") })}`;
    const path = `${POLLING}&sid=${sid}`;
    await server.request("POST", path, { headers: { "content-length": Buffer.byteLength(packet) }, body: packet });
    assert.match((await server.get(path)).text, /^40/);
    return path;
  };
  /** A connection that has asked and reads nothing; `answer()` reads it. */
  const asking = async (server, path, ca) => {
    const socket = ca ? connectSecurely({ port: server.port, host: "127.0.0.1", ca }) : connectPlainly(server.port, "127.0.0.1");
    await once(socket, ca ? "secureConnect" : "connect");
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const answer = async () => {
      const chunks = [];
      socket.on("data", (chunk) => chunks.push(chunk)).resume();
      await until(() => headOfAnswer(Buffer.concat(chunks)), { within: 20_000, what: () => "a whole answer" });
      return Buffer.concat(chunks).toString("latin1");
    };
    return { answer, destroy: () => socket.destroy() };
  };

  for (const [count, size, workers, secure] of [
    [1000, 10_000, 1, false],
    [12, 800_000, 2, false],
    [12, 800_000, 1, true],
  ]) {
    const how = `${count} events of ${size} bytes, ${workers} worker(s)${secure ? ", TLS" : ""}`;
    test(`share what they are owed: ${how}`, { timeout: 120_000 }, async (t) => {
      const tls = secure ? certificate() : undefined;
      const server = await startServer({ workers, tls, env: { CRIER_API_BODY_BYTES_MAX: "2097152" } });
      t.after(() => server.stop());
      const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]) / 1024;
      const paths = [];
      for (let i = 0; i < 100; i += 1) paths.push(await joined(server));
      const before = peak();
      const data = { text: "x".repeat(size) };
      for (let i = 0; i < count; i += 1) await server.publish("alpha", `p${i}`, { data });
      const clients = [];
      for (const path of paths) clients.push(await asking(server, path, tls && readFileSync(tls.ca)));
      t.after(() => clients.forEach((client) => client.destroy()));
      assert.equal((await server.get("/readyz")).status, 200);
      const text = await clients.at(-1).answer();
      const ids = [...text.matchAll(/"requestId":"(p\d+)"/g)].map(([, id]) => id);
      assert.deepEqual(ids, Array.from({ length: count }, (_, i) => `p${i}`));
      const grown = peak() - before;
      t.diagnostic(`peak ${Math.round(before)} → ${Math.round(before + grown)} MiB`);
      assert.ok(grown < 150, `100 clients are owed 10 MB each: ${Math.round(grown)} MiB more`);
      assert.doesNotMatch((await server.get("/metrics")).text, /slow reader/);
    });
  }
});

describe("clients that read", { skip: crierOnly }, () => {
  let server;
  before(async () => {
    server = await startServer({ env: { CRIER_API_BODY_BYTES_MAX: "2097152" } });
  });
  after(() => server?.stop());

  for (const [count, size] of [
    [3, 1_000_000],
    [30, 100_000],
    [1000, 10_000],
  ]) {
    test(`${count} events of ${size} bytes at once close none of 100, and tell none`, { timeout: 120_000 }, async () => {
      const seen = Array(100).fill(0);
      const notices = [];
      const onEventOf = (i) => (text) => {
        if (text.length > 1000) seen[i] += 1;
        else notices.push(text);
      };
      const clients = await connectMany(server.port, 100, () => ({ token: tokenFor("ada") }), { onEventOf });
      notices.length = 0;
      const ids = Array.from({ length: count }, (_, i) => `r${i}`);
      const answers = await server.publishTogether("alpha", ids, { text: "x".repeat(size) });
      assert.equal(answers.length, count);
      await until(() => seen.every((n) => n === count), { within: 60_000, what: () => `all events; have ${seen.slice(0, 10)}` });
      assert.deepEqual(notices, []);
      assert.ok(clients.every(({ connected, closeCode }) => connected && closeCode === null));
      const { text } = await server.get("/metrics");
      assert.doesNotMatch(text, /slow reader/);
      for (const client of clients) client.destroy();
    });
  }
});

describe("a client that takes nothing", { skip: crierOnly }, () => {
  let server;
  before(async () => {
    server = await startServer({ env: { CRIER_ENGINE_SLOW_READER_TIMEOUT: "1s" } });
  });
  after(() => server?.stop());
  afterEach(closeClients);

  const slowReaders = async () => Number(/slow reader"\} (\d+)/.exec((await server.get("/metrics")).text)?.[1] ?? 0);
  const fill = async (name) => {
    for (let i = 0; i < 12; i += 1) await server.publish("alpha", `${name}${i}`, { data: { text: "x".repeat(900_000) } });
  };

  test("is closed in time over WebSocket, and one that takes little is not", { timeout: 60_000 }, async () => {
    const joined = async (options) => {
      const client = new RawClient(server.port, { token: tokenFor("ada") }, options);
      await new Promise((done) => {
        client.onConnect = done;
      });
      client.socket.pause();
      return client;
    };
    const stalled = await joined();
    const little = await joined({ keepText: false });
    let seen = 0;
    little.onEvent = (length) => {
      if (length > 1000) seen += 1;
    };
    const took = setInterval(() => {
      little.socket.resume();
      setImmediate(() => little.socket.pause());
    }, 100);
    await fill("w");
    const since = Date.now();
    await until(async () => (await slowReaders()) === 1, { what: () => "one slow reader" });
    assert.ok(Date.now() - since < 5_000);
    await new Promise((done) => setTimeout(done, 2_500));
    assert.equal(await slowReaders(), 1);
    clearInterval(took);
    little.socket.resume();
    await until(() => seen === 12, { what: () => `all events; have ${seen}` });
    assert.equal(little.closeCode, null);
    for (const client of [stalled, little]) client.destroy();
  });

  test("is closed in time over polling", { timeout: 60_000 }, async () => {
    const before = await slowReaders();
    const path = "/socket.io/?EIO=4&transport=polling";
    const { sid } = JSON.parse((await server.get(path)).text.slice(1));
    const auth = JSON.stringify({ token: tokenFor("ada") });
    await server.request("POST", `${path}&sid=${sid}`, { headers: { "content-length": Buffer.byteLength(`40${auth}`) }, body: `40${auth}` });
    assert.match((await server.get(`${path}&sid=${sid}`)).text, /^40/);
    await server.publish("alpha", "p1");
    const since = Date.now();
    await until(async () => (await slowReaders()) === before + 1, { what: () => "one more slow reader" });
    assert.ok(Date.now() - since < 5_000);
    assert.equal((await server.get(`${path}&sid=${sid}`)).status, 400);
  });
});
