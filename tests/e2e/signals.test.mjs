// What must not end the daemon.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { once } from "node:events";
import { afterEach, describe, test } from "node:test";
import { Client, closeClients } from "./support/client.mjs";
import { crierOnly, startServer } from "./support/server.mjs";
import { until } from "./support/until.mjs";

/** Makes the daemon write a line, at level debug. */
async function provoke(server) {
  const socket = connect(server.port, "127.0.0.1").on("error", () => {}).resume();
  socket.write(Buffer.from("1603010200\n", "latin1"));
  await once(socket, "close");
}

describe("the daemon goes on", { skip: crierOnly }, () => {
  afterEach(closeClients);

  test("after a SIGHUP with nothing to read again", async (t) => {
    const server = await startServer();
    t.after(() => server.stop());
    const client = await new Client(server, { user: "ada" }).connected();
    for (let i = 1; i <= 2; i += 1) {
      server.signal("SIGHUP");
      const lines = () => server.log.match(/level=info msg="SIGHUP: nothing to read again"/g) ?? [];
      await until(() => lines().length === i, { what: () => server.log });
    }
    await server.publish("alpha", "after-sighup");
    await client.received("after-sighup");
    assert.equal(client.connections, 1);
  });

  test("when the reader of its log goes away", async (t) => {
    const server = await startServer({ env: { CRIER_LOG_LEVEL: "debug" } });
    t.after(() => server.stop());
    await provoke(server);
    assert.match(server.log, /level=debug/, "it does write lines");
    server.child.stderr.destroy();
    server.child.stdout.destroy();
    const client = await new Client(server, { user: "ada" }).connected();
    for (let i = 0; i < 3; i += 1) {
      await provoke(server);
      await server.publish("alpha", `after-${i}`);
      await client.received(`after-${i}`);
    }
    client.socket.disconnect();
    server.signal("SIGTERM");
    assert.deepEqual(await server.ended(), { code: 0, signal: null });
  });
});
