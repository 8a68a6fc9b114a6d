// Requests that are sent without waiting for the answers before them (RFC 9112 section 9.3.2): answered
// in their order, one after the other, in bounded memory.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect as plainConnect } from "node:net";
import { afterEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { closeClients, connect } from "./support/client.mjs";
import { exchange } from "./support/exchange.mjs";
import { Redis } from "./support/redis.mjs";
import { crierOnly, startServer } from "./support/server.mjs";

const ids = (prefix, count) => Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);
const residentKiB = ({ pid }) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
const GET = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

describe("pipelined requests", { skip: crierOnly }, () => {
  afterEach(closeClients);

  for (const kind of ["memory", "redis"]) {
    test(`three thousand publishes in one write, history in ${kind}: all in order`, async (t) => {
      const redis = kind === "redis" ? await Redis.start() : undefined;
      t.after(() => redis?.kill());
      const server = await startServer({ redisUrl: redis?.url });
      t.after(() => server.stop());
      const ada = await connect(server, { user: "ada" });
      const answers = await server.publishTogether("alpha", ids("p", 3000));
      assert.deepEqual(answers.map(({ seq }) => seq), ids("", 3000).map(Number));
      await ada.received("p3000");
      assert.deepEqual(ada.requestIds, ids("p", 3000));
    });
  }

  test("ten thousand GETs on one connection are answered", async (t) => {
    const server = await startServer();
    t.after(() => server.stop());
    const count = (bytes) => bytes.toString("latin1").match(/HTTP\/1\.1 200/g)?.length ?? 0;
    const result = await exchange(server.port, Array.from({ length: 20 }, () => GET.repeat(500)), {
      done: (bytes) => bytes.length > 10_000 * 60 && count(bytes) === 10_000,
    });
    assert.equal(count(result.bytes), 10_000, result.text.slice(-200));
  });

  for (const reads of [true, false]) {
    test(`a peer that pipelines without end and ${reads ? "reads" : "does not read"} costs a bounded amount`, async (t) => {
      const server = await startServer();
      t.after(() => server.stop());
      const socket = plainConnect(server.port, "127.0.0.1");
      t.after(() => socket.destroy());
      socket.on("error", () => {});
      if (reads) socket.resume();
      else socket.pause();
      const before = residentKiB(server);
      const piece = Buffer.from(GET.repeat(2000));
      let peak = before;
      const end = performance.now() + 3000;
      while (performance.now() < end && !socket.destroyed) {
        if (socket.writableLength < 4_000_000) socket.write(piece);
        peak = Math.max(peak, residentKiB(server));
        await pause(1);
      }
      t.diagnostic(`RSS ${before} → at most ${peak} KiB`);
      assert.ok(peak - before < 8192, `RSS grew by ${peak - before} KiB`);
      const started = performance.now();
      assert.equal((await server.get("/healthz")).status, 200);
      assert.ok(performance.now() - started < 1000, "others are served meanwhile");
    });
  }
});
