// A store of users and memberships that does not answer is no refusal, which would be final: the
// transport closes after the deadline and the client comes back by itself.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, renameSync, rmSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { Client, closeClients, connect, TRANSPORTS } from "./support/client.mjs";
import { crierOnly, startServer } from "./support/server.mjs";
import { until } from "./support/until.mjs";

/** Takes the whole database for itself until release(). */
async function lock(file) {
  const code = [
    "import sqlite3, sys",
    "db = sqlite3.connect(sys.argv[1], isolation_level=None)",
    "db.execute('PRAGMA locking_mode=EXCLUSIVE')",
    "db.execute('BEGIN EXCLUSIVE')",
    "print('locked', flush=True)",
    "sys.stdin.read()",
  ].join("\n");
  const child = spawn("python3", ["-c", code, file], { stdio: ["pipe", "pipe", "inherit"] });
  const exit = once(child, "exit");
  const [said] = await Promise.race([once(child.stdout, "data"), exit]);
  assert.match(String(said), /locked/);
  return async () => {
    child.stdin.end();
    await exit;
  };
}

describe("the membership store", { skip: crierOnly }, () => {
  let server;
  before(async () => {
    server = await startServer();
  });
  after(() => server?.stop());
  afterEach(closeClients);

  /** Clients over all transports meet the trouble, are not refused, and are in once it is over. */
  async function surviveWith(what, end) {
    const started = performance.now();
    const clients = Object.keys(TRANSPORTS).map((via) => new Client(server, { user: "ada", via, timeout: 20_000 }));
    const firstClose = clients.map(
      (client) =>
        new Promise((done) => {
          client.socket.io.on("close", (reason) => done({ reason, after: performance.now() - started }));
        }),
    );
    for (const [i, closing] of firstClose.entries()) {
      const { reason, after } = await closing;
      assert.ok(["transport close", "transport error"].includes(reason), `${clients[i].via}: ${reason}`);
      assert.ok(after > 3500 && after < 8000, `${what}, ${clients[i].via}: closed after ${Math.round(after)} ms`);
    }
    await end();
    for (const client of clients) {
      await client.connected();
      assert.deepEqual(client.refusals, []);
    }
    const id = `after-${what}`;
    await server.publish("alpha", id);
    for (const client of clients) {
      await client.received(id);
      assert.deepEqual(client.requestIds, [id]);
    }
  }

  test("is missing: no refusal, the transport closes, the client comes back", async () => {
    const staying = await connect(server, { user: "ben" });
    for (const suffix of ["", "-wal", "-shm"]) {
      try {
        renameSync(server.store + suffix, `${server.store}.away${suffix}`);
      } catch {
        // The log is there only while somebody has the file open.
      }
    }
    await surviveWith("missing", async () => {
      assert.equal((await server.get("/readyz")).status, 503);
      await server.publish("alpha", "while-missing");
      await staying.received("while-missing");
      for (const suffix of ["-wal", "-shm", ""]) {
        try {
          renameSync(`${server.store}.away${suffix}`, server.store + suffix);
        } catch {
          // As above.
        }
      }
      await until(async () => (await server.get("/readyz")).status === 200);
    });
    assert.equal(staying.connections, 1, "who is connected stays connected");
  });

  test("is locked by another process: the same", async () => {
    const copy = `${server.store}.copy`;
    await checkpoint(server.store);
    copyFileSync(server.store, copy);
    const release = await lock(copy);
    for (const suffix of ["-wal", "-shm"]) {
      rmSync(server.store + suffix, { force: true });
      try {
        renameSync(copy + suffix, server.store + suffix);
      } catch {
        // With an exclusive lock there is no shared memory file.
      }
    }
    renameSync(copy, server.store);
    await surviveWith("locked", release);
  });
});

/** Moves the write-ahead log into the database, so that the file is complete. */
async function checkpoint(file) {
  const child = spawn("sqlite3", [file, "PRAGMA wal_checkpoint(TRUNCATE)"], { stdio: "ignore" });
  await once(child, "exit");
}
