// Whatever a relay does, what comes through is what was sent up to some point: a network loses the end, or delays, and
// never takes something out of the middle.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { after, before, test } from "node:test";
import { Relay } from "./relay.mjs";

const PIECES = Array.from({ length: 200 }, (_, i) => `piece ${i} ${"x".repeat(i % 37)}\n`);
const WHOLE = PIECES.join("");

let server;
let heard;
before(async () => {
  // Both sides say the same, so that each direction can be looked at.
  server = createServer({ allowHalfOpen: true }, (socket) => {
    heard = "";
    socket.on("error", () => {}).on("data", (bytes) => (heard += bytes));
    say(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
after(() => server.close());

async function say(socket) {
  for (const piece of PIECES) {
    if (socket.destroyed || socket.writableEnded) return;
    socket.write(piece);
    await pause(0);
  }
}

/** What each side heard through a relay, when no more comes; `whole`: when both have everything. */
async function through({ fate, done = () => {}, whole = false }) {
  const relay = await Relay.open([server.address().port], { fate });
  heard = "";
  let near = "";
  const socket = connect({ port: relay.port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {}).on("data", (bytes) => (near += bytes));
  say(socket);
  done(relay);
  for (let length = -1; length !== near.length + heard.length; await pause(250)) length = near.length + heard.length;
  relay.mend();
  const complete = () => near.length === WHOLE.length && heard.length === WHOLE.length;
  for (let rounds = 0; whole && !complete() && rounds < 400; rounds += 1) await pause(50);
  relay.close();
  socket.destroy();
  return { near, far: heard };
}

for (const what of ["reset", "half_near", "half_far", "stall"]) {
  for (const bytes of [1, 7, 1000, 4321, 9000]) {
    test(`${what} after ${bytes} bytes`, async () => {
      const { near, far } = await through({ fate: () => ({ after: bytes, what }), whole: what === "stall" });
      assert.ok(WHOLE.startsWith(near), near.slice(-80));
      assert.ok(WHOLE.startsWith(far), far.slice(-80));
      if (what === "stall") assert.deepEqual([near, far], [WHOLE, WHOLE]);
      else assert.ok(near.length < WHOLE.length || far.length < WHOLE.length);
    });
  }
}

test("a stall and a delay of the whole relay lose nothing", async () => {
  const { near, far } = await through({
    whole: true,
    async done(relay) {
      relay.delay = 20;
      await pause(5);
      relay.stall();
      await pause(50);
      relay.mend();
    },
  });
  assert.deepEqual([near, far], [WHOLE, WHOLE]);
});

test("delays that change keep the order", async () => {
  const { near, far } = await through({
    whole: true,
    async done(relay) {
      for (let i = 0; i < 60; i += 1) {
        relay.delay = [13.9, 0, 4.2, 1.1][i % 4];
        await pause(1);
      }
    },
  });
  assert.deepEqual([near, far], [WHOLE, WHOLE]);
});

test("who is refused is reset, and let in again", async () => {
  const relay = await Relay.open([server.address().port]);
  relay.refuse();
  const refused = connect({ port: relay.port, host: "127.0.0.1" });
  const [error] = await once(refused, "error");
  assert.equal(error.code, "ECONNRESET");
  relay.mend();
  const socket = connect({ port: relay.port, host: "127.0.0.1" });
  const [bytes] = await once(socket, "data");
  assert.ok(WHOLE.startsWith(bytes.toString()));
  socket.on("error", () => {});
  relay.close();
});
