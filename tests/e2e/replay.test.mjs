// What a client missed is sent to it as it reads, whatever it missed: a replay is no queue, and all of them
// together have a bound.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import { after, afterEach, before, describe, test } from "node:test";
import { closeClients, connect } from "./support/client.mjs";
import { connectMany } from "./support/raw_client.mjs";
import { crierOnly, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";

const polling = "/socket.io/?EIO=4&transport=polling";
const MiB = 1024 * 1024;

function resident(server) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]) / 1024;
}

/** Publishes so many events of so many bytes to a program; returns the id of the one before them. */
async function publishMuch(server, program, count, size) {
  const { id } = await server.publish(program, `${program}-first`);
  const ids = Array.from({ length: count }, (_, i) => `${program}-${i}`);
  await server.publishTogether(program, ids, { text: "x".repeat(size) });
  return id;
}

/** A client over polling that takes the answer to its CONNECT, asks for more, and reads no more. */
async function stallOverPolling(server, auth) {
  const { sid } = JSON.parse((await server.get(polling)).text.slice(1));
  const packet = `40${JSON.stringify(auth)}`;
  await server.request("POST", `${polling}&sid=${sid}`, { headers: { "content-length": Buffer.byteLength(packet) }, body: packet });
  assert.match((await server.get(`${polling}&sid=${sid}`)).text, /^40/);
  const request = http.get({ host: "127.0.0.1", port: server.port, path: `${polling}&sid=${sid}`, agent: false });
  const [response] = await once(request, "response");
  response.pause();
  response.on("error", () => {});
  return () => request.destroy();
}

describe("replays of 32 MiB each to 100 clients of one user", { skip: crierOnly }, () => {
  const programs = Array.from({ length: 32 }, (_, i) => `program-${i}`);
  const people = {
    users: [{ id: "ada", name: "Ada Byron", role: "requester", active: true }],
    members: programs.map((programId) => ({ programId, userId: "ada", active: true })),
  };
  let server;
  let first;
  before(async () => {
    server = await startServer({ people });
    const warm = await connect(server, { user: "ada" }); // so that the server follows all programs
    for (const program of programs) {
      const id = await publishMuch(server, program, 104, 10_000);
      first ??= id;
    }
    await until(() => warm.seen.length === 32 * 105, { within: 60_000, what: () => `the events; has ${warm.seen.length}` });
  });
  after(() => server?.stop());
  afterEach(closeClients);

  for (const [name, cursor] of [
    ["lastEventId", () => ({ lastEventId: first })],
    ["lastEventTimestamp", () => ({ lastEventTimestamp: 1 })],
  ]) {
    const auth = () => ({ token: tokenFor("ada"), ...cursor() });

    test(`cost little when none reads: WebSocket, ${name}`, { timeout: 120_000 }, async (t) => {
      const before = resident(server);
      const clients = await connectMany(server.port, 100, auth, { onConnect() {} });
      for (const client of clients) client.socket.pause();
      await new Promise((done) => setTimeout(done, 1_000));
      const grown = resident(server) - before;
      t.diagnostic(`RSS grew by ${grown.toFixed(1)} MiB`);
      assert.ok(grown <= 64, `RSS grew by ${grown.toFixed(1)} MiB`);
      for (const client of clients) client.destroy();
    });

    test(`cost little when none reads: polling, ${name}`, { timeout: 120_000 }, async (t) => {
      const before = resident(server);
      const stalled = [];
      for (let i = 0; i < 100; i += 1) stalled.push(await stallOverPolling(server, auth()));
      await new Promise((done) => setTimeout(done, 1_000));
      const grown = resident(server) - before;
      t.diagnostic(`RSS grew by ${grown.toFixed(1)} MiB`);
      assert.ok(grown <= 64, `RSS grew by ${grown.toFixed(1)} MiB`);
      for (const destroy of stalled) destroy();
    });
  }

  for (const via of ["websocket", "polling", "upgrade"]) {
    test(`one that reads gets all of it, in order, and what is new behind it: ${via}`, { timeout: 120_000 }, async () => {
      const client = await connect(server, { via, auth: { token: tokenFor("ada"), lastEventId: first } });
      const { id } = await server.publish("program-0", `new-${via}`);
      await client.received(`new-${via}`, 60_000);
      const notice = await client.notice();
      assert.ok(notice.replayed >= 32 * 105 - 1);
      const numbers = client.seen.map((event) => Number(event.id.split(".")[1]));
      assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b));
      assert.equal(client.seen.at(-1).id, id);
      assert.equal(client.connections, 1);
    });
  }
});

describe("a storm of clients that missed much", { skip: crierOnly }, () => {
  let server;
  after(() => server?.stop());

  // As 10,000 clients to 64 MiB.
  test("160 clients with 3 MiB each come back within 1 MiB", { timeout: 180_000 }, async (t) => {
    server = await startServer({ env: { CRIER_HISTORY_REPLAY_BYTES_MAX: String(MiB) } });
    const warm = await connect(server, { user: "ada" });
    const lastEventId = await publishMuch(server, "alpha", 315, 10_000);
    await until(() => warm.seen.length === 316, { what: () => "the events" });
    closeClients();
    const before = resident(server);
    const seen = Array(160).fill(0);
    const told = Array(160).fill(null);
    const clients = await connectMany(server.port, 160, () => ({ token: tokenFor("ada"), lastEventId }), {
      onEventOf: (i) => (text) => {
        if (text.startsWith('["catchup"')) told[i] = text;
        else seen[i] += 1;
      },
    });
    let most = 0;
    await until(
      async () => {
        most = Math.max(most, Number(/crier_replay_bytes (\d+)/.exec((await server.get("/metrics")).text)[1]));
        return told.every((text) => text !== null);
      },
      { within: 150_000, what: () => `all to be told; ${told.filter((text) => text === null).length} are not` },
    );
    const grown = resident(server) - before;
    t.diagnostic(`RSS grew by ${grown.toFixed(1)} MiB; at most ${most} bytes unsent`);
    assert.ok(seen.every((count) => count === 315));
    assert.ok(told.every((text) => text.includes('"replayed":315') && text.includes('"alpha":"recovered"')));
    assert.ok(most <= MiB);
    assert.ok(grown <= 32, `RSS grew by ${grown.toFixed(1)} MiB`);
    assert.ok(clients.every(({ closeCode }) => closeCode === null));
    for (const client of clients) client.destroy();
  });
});
