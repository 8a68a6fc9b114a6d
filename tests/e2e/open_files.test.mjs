// What the daemon makes of the limit of open files that it was started with.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { once } from "node:events";
import { crierBinary, crierOnly, startServer } from "./support/server.mjs";
import { until } from "./support/until.mjs";

/** The daemon under limits of its own. */
const limited = (limits, env = {}) =>
  startServer({ command: ["/bin/sh", "-c", `ulimit ${limits} && exec "$0" serve`, crierBinary], env });

async function crowd(server, count) {
  const sockets = Array.from({ length: count }, () => connect(server.port, "127.0.0.1").on("error", () => {}));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  return sockets;
}

const count = async (server, name) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec((await server.get("/metrics")).text)[1]);

describe("open files", { skip: crierOnly }, () => {
  test("the soft limit is raised, the first line says so, and the kernel's table has its size at once", async (t) => {
    const server = await limited("-Sn 64 && ulimit -Hn 2000", { CRIER_HTTP_CONNECTIONS_MAX: "1000" });
    t.after(() => server.stop());
    assert.match(server.log, /msg="?serving"? .*files=2000 files_before=64/);
    assert.doesNotMatch(server.log, /level=warning/);
    const size = Number(/^FDSize:\s+(\d+)$/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]);
    assert.ok(size >= 1256, `room for ${size} descriptors`);
    const sockets = await crowd(server, 300);
    await until(async () => (await count(server, "crier_connections")) > 300);
    assert.equal(await count(server, "crier_accept_failures_total"), 0);
    for (const socket of sockets) socket.destroy();
  });

  test("a limit below connections_max is warned of; what is not accepted is counted and told once a second", async (t) => {
    const server = await limited("-n 100", { CRIER_HTTP_CONNECTIONS_MAX: "1000" });
    t.after(() => server.stop());
    assert.match(server.log, /level=warning .*files=100 needed=1256 connections_max=1000/);
    const sockets = await crowd(server, 150);
    const lines = () => [...server.log.matchAll(/level=warning msg="connections wait: none can be accepted" .* times=(\d+)/g)];
    const started = performance.now();
    await until(() => lines().length >= 2, { what: () => server.log });
    const seconds = (performance.now() - started) / 1000;
    assert.ok(lines().length <= seconds + 2, `${lines().length} lines in ${seconds} s`);
    assert.match(server.log, /reason="too many open files"/);
    for (const socket of sockets) socket.destroy();
    // Those that waited in the kernel are accepted after the pause, and so is this one.
    assert.equal((await server.get("/healthz")).status, 200);
    const failures = await count(server, "crier_accept_failures_total");
    const told = lines().reduce((sum, [, times]) => sum + Number(times), 0);
    assert.ok(failures >= told && told > 2, `${failures} failures, ${told} told`);
    assert.ok(failures <= 12 * ((performance.now() - started) / 1000) + 20, `${failures} attempts: it spins`);
  });
});
