// The client package against the daemon: what it says of the wire is what the daemon sends.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { TRANSPORTS } from "./support/client.mjs";
import { crier, crierOnly, publication, repository, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";

const folder = join(repository, "client");
const compile = (...args) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, "node_modules/typescript/bin/tsc"), ...args], {
    encoding: "utf8",
    cwd: folder,
  });
  assert.equal(status, 0, `tsc: ${stdout}${stderr} (are the packages of client/ installed?)`);
};

class Storage {
  #values = new Map();
  getItem = (key) => this.#values.get(key) ?? null;
  setItem = (key, value) => void this.#values.set(key, value);
  removeItem = (key) => void this.#values.delete(key);
}

describe("the client package", { skip: crierOnly }, () => {
  let server;
  let client;
  const open = new Set();

  /** A page of `user` that follows the server; `seen` and `told` hold what its handlers got. */
  const page = (user, { storage, via = ["websocket"], on = server } = {}) => {
    const seen = [];
    const told = [];
    const follower = client.follow(on.url, {
      token: () => tokenFor(user),
      ...(storage ? { storage } : {}),
      io: { forceNew: true, transports: via, reconnectionDelay: 20, reconnectionDelayMax: 100 },
      onProgram: (program, verdict) => told.push(`${program} ${verdict}`),
      onEverything: () => told.push("everything"),
    });
    for (const event of client.EVENTS) {
      follower.on(event, ({ requestId }, id) => seen.push({ requestId, id }));
    }
    open.add(follower);
    return {
      follower,
      seen,
      told,
      requestIds: () => seen.map(({ requestId }) => requestId),
      connected: () => until(() => follower.socket.connected),
      received: (requestId) => until(() => seen.some((event) => event.requestId === requestId), { what: () => `${requestId} after ${JSON.stringify(seen.at(-1))}` }),
      close: () => {
        open.delete(follower);
        follower.stop();
        follower.socket.disconnect();
      },
    };
  };

  before(async () => {
    compile();
    client = await import(join(folder, "dist/index.js"));
    server = await startServer();
  });
  after(async () => {
    for (const follower of open) follower.socket.disconnect();
    await server?.stop();
  });

  test("its events are the daemon's, all of them", async () => {
    const { status, json } = await server.post("alpha", publication("x", { event: "no:such" }));
    assert.equal(status, 422);
    assert.match(json.message, /:/);
    assert.deepEqual(json.message.match(/[a-z]+:[a-z_]+/g), [...client.EVENTS]);
  });

  test("its types fit what the daemon sends, member by member", async (t) => {
    const ada = page("ada");
    await ada.connected();
    const got = [];
    ada.follower.socket.onAny((...args) => got.push(args));
    for (const event of client.EVENTS) await server.publish("alpha", event, { event, data: { text: event } });
    await until(() => got.length === client.EVENTS.length);
    const checks = got.map(
      ([event, envelope, id]) => `[${JSON.stringify(envelope)}, ${JSON.stringify(id)}] satisfies Parameters<ServerToClientEvents["${event}"]>;`,
    );
    const made = mkdtempSync(join(folder, "test/wire-"));
    t.after(() => rmSync(made, { recursive: true }));
    writeFileSync(
      join(made, "wire.ts"),
      `import type { ServerToClientEvents } from "../../dist/index.js";\n${checks.join("\n")}\n`,
    );
    writeFileSync(join(made, "tsconfig.json"), JSON.stringify({ extends: "../tsconfig.json", compilerOptions: { rootDir: "../.." }, include: ["wire.ts"] }));
    compile("-p", made);
  });

  test("a refusal is told as socket.io-client tells it", async () => {
    const nobody = page("nobody");
    const error = await new Promise((done) => nobody.follower.socket.once("connect_error", done));
    assert.equal(error.message, "User not found or inactive");
    assert.equal(error.data.code, "user_inactive");
    nobody.close();
  });

  for (const [name, via] of Object.entries(TRANSPORTS)) {
    test(`${name}: a new page gets what was missed between the two, each event once`, async () => {
      const storage = new Storage();
      const prefix = `page-${name}-`;
      const first = page("ada", { storage, via });
      await first.connected();
      for (let n = 1; n <= 3; n += 1) await server.publish("alpha", `${prefix}${n}`);
      await first.received(`${prefix}3`);
      first.close();
      await server.publish("alpha", `${prefix}4`);
      await server.publish("alpha", `${prefix}5`);
      const second = page("ada", { storage, via });
      await second.connected();
      await server.publish("alpha", `${prefix}6`);
      await second.received(`${prefix}6`);
      assert.deepEqual(first.told, ["everything"]);
      assert.deepEqual(second.requestIds(), [`${prefix}4`, `${prefix}5`, `${prefix}6`]);
      assert.deepEqual(second.told, [], "nothing is to be loaded");
      second.close();
    });

    test(`${name}: a connection that breaks is recovered, and nothing is to be loaded`, async () => {
      const prefix = `break-${name}-`;
      const ada = page("ada", { via });
      await ada.connected();
      await server.publish("alpha", `${prefix}1`);
      await ada.received(`${prefix}1`);
      const again = new Promise((done) => ada.follower.socket.once("connect", done));
      ada.follower.socket.io.engine.close();
      await server.publish("alpha", `${prefix}2`);
      await again;
      await ada.received(`${prefix}2`);
      await server.publish("alpha", `${prefix}3`);
      await ada.received(`${prefix}3`);
      assert.equal(ada.follower.socket.recovered, true);
      assert.deepEqual(ada.requestIds(), [1, 2, 3].map((n) => `${prefix}${n}`));
      assert.deepEqual(ada.told, ["everything"]);
      ada.close();
    });
  }

  test("memberships that came and went while away are told by program", async () => {
    const ben = page("ben");
    await ben.connected();
    const again = new Promise((done) => ben.follower.socket.once("connect", done));
    ben.follower.socket.disconnect();
    crier("member", "remove", "gamma", "ben", "--store", server.store);
    crier("member", "add", "delta", "ben", "--store", server.store);
    ben.follower.socket.connect();
    await again;
    await until(() => ben.told.length >= 3, { what: () => `two verdicts; has ${ben.told}` });
    assert.deepEqual(ben.told, ["everything", "delta joined", "gamma left"]);
    ben.close();
  });

  test("a history that is gone is told by program, on the same page and on a new one", async () => {
    const gone = await startServer();
    const storage = new Storage();
    const ben = page("ben", { on: gone, storage });
    await ben.connected();
    await gone.publish("alpha", "before");
    await ben.received("before");
    const kept = new Storage();
    kept.setItem("crier:cursor", storage.getItem("crier:cursor"));
    await gone.stop("SIGKILL");
    const anew = await startServer({ port: gone.port, store: gone.store });
    await until(() => ben.told.length >= 4);
    const resets = ["alpha reset", "beta reset", "gamma reset"];
    assert.deepEqual(ben.told, ["everything", ...resets]);
    const fresh = page("ben", { on: anew, storage: kept });
    await until(() => fresh.told.length >= 3);
    assert.deepEqual(fresh.told, resets);
    ben.close();
    fresh.close();
    await anew.stop();
  });
});
