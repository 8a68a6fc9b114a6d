// The client package against the daemon: what it says of the wire is what the daemon sends.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { API_KEY, crier, crierOnly, publication, repository, startServer, tokenFor } from "./support/server.mjs";
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

});
