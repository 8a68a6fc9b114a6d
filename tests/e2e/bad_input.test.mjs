// What no well-behaved client or publisher sends. Each round is one connection; the answer must be the
// right one, and after ten thousand rounds the server has kept nothing of them.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { closeClients, connect } from "./support/client.mjs";
import { exchange, frame, pour, seeded } from "./support/exchange.mjs";
import { API_KEY, crierOnly, full, publication, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";

const ROUNDS = full ? 50_000 : 10_000;
const LANES = 16;

let server;
let port;
before(async () => {
  // What a round leaves is to be seen, not what the allocator holds back: one thread, one arena, and
  // memory that is free goes back to the system at once.
  const env = {
    CRIER_SERVER_WORKERS: "1",
    MALLOC_ARENA_MAX: "1",
    MALLOC_TOP_PAD_: "0",
    MALLOC_TRIM_THRESHOLD_: "0",
    MALLOC_MMAP_THRESHOLD_: "65536",
  };
  server = await startServer({ env });
  port = server.port;
});
after(() => server?.stop());

// --- requests by hand

const PUBLISH = "/api/v1/programs/alpha/events";
const GOOD = JSON.stringify(publication("bad-input"));

function head(method, path, headers = {}) {
  const all = { Host: "127.0.0.1", ...headers };
  const lines = Object.entries(all).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}`));
  return `${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
}
const keyed = { Authorization: `Bearer ${API_KEY}`, "Content-Type": "application/json" };
function post(body, headers = {}, path = PUBLISH) {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
  return [head("POST", path, { ...keyed, "Content-Length": bytes.length, ...headers }), bytes];
}

/** Expects one of these statuses, in the API's error form if `form`. */
const answers = (statuses, { form = false } = {}) => (result) => {
  assert.ok([statuses].flat().includes(result.status), `answered ${result.status || "nothing"}: ${result.text.slice(0, 200)}`);
  if (!form) return;
  const json = JSON.parse(Buffer.from(result.text.slice(result.text.indexOf("\r\n\r\n") + 4), "latin1").toString("utf8"));
  assert.deepEqual(Object.keys(json).sort(), ["code", "message", "path"]);
};
/** Expects one of these statuses or a closed connection, and not a timeout. */
const answersOrCloses = (statuses) => (result) => {
  assert.equal(result.timedOut, false, "neither an answer nor a close");
  if (result.status !== 0) answers(statuses)(result);
};

// --- WebSocket by hand

const upgrade = (query) =>
  head("GET", `/socket.io/?EIO=4&transport=websocket${query}`, {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  });
const text = (payload) => frame(0x81, Buffer.from(payload));

/** Opens a WebSocket session, writes frames once it is open (and joined), waits for the close. */
const overWebSocket = (frames, { join = false } = {}) => () =>
  exchange(
    port,
    (socket) =>
      new Promise((done) => {
        let received = "";
        let stage = 0;
        socket.write(upgrade(""));
        socket.on("close", done);
        socket.on("data", (chunk) => {
          received += chunk.toString("latin1");
          if (stage === 0 && received.includes('0{"sid"')) {
            stage = 1;
            if (join) socket.write(text(`40${JSON.stringify({ token: tokenFor("ada") })}`));
          }
          if ((stage === 1 && !join) || (stage === 1 && received.includes('40{"sid"'))) {
            stage = 2;
            for (const one of frames) socket.write(one);
            done();
          }
        });
      }),
    { done: () => false },
  );
const closes = (result) => {
  assert.match(result.text, /^HTTP\/1\.1 101/);
  assert.equal(result.closed, true, "the server closes the connection");
};

/** Opens a polling session and posts `payload` to it. */
const overPolling = (payload, headers = {}) => async () => {
  const opened = await exchange(port, [head("GET", "/socket.io/?EIO=4&transport=polling")]);
  const { sid } = JSON.parse(/0(\{.*\})/.exec(opened.text)[1]);
  const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
  const bytes = Buffer.from(payload);
  const result = await exchange(port, [
    head("POST", path, { "Content-Type": "text/plain;charset=UTF-8", "Content-Length": bytes.length, ...headers }),
    bytes,
  ]);
  // Whatever the answer was, the session must not stay.
  await exchange(port, [head("POST", path, { "Content-Type": "text/plain", "Content-Length": 1 }), "1"]);
  return result;
};

const wrongTypes = [
  [], 1, "text", null, true, {},
  { ...publication("x"), event: 1 },
  { ...publication("x"), requestId: 7 },
  { ...publication("x"), requestId: "" },
  { ...publication("x"), requestId: "r".repeat(129) },
  { ...publication("x"), data: null },
  { ...publication("x"), data: "text" },
  { ...publication("x"), performedBy: null },
  { ...publication("x"), performedBy: { userId: 1, name: "n" } },
  { ...publication("x"), performedBy: { userId: "u", name: {} } },
  { ...publication("x"), performedBy: { userId: "u".repeat(129), name: "n" } },
];
const notJson = ["", "{", "}", "nul", "{'a':1}", '{"a":01}', '{"a":1}x', "\ufeff{}", '{"a":"\\x"}', '{"a":"\u0001"}', "[1,]"];
const junkSids = ["junk", "__proto__", "%00", "x".repeat(4096), "%ff%fe", "..%2f..", "", "AAAAAAAAAAAAAAAAAAAA"];
const junkPackets = ["9", "4", "abc", "42", "4abc", "45", "450-[]", "4599999999-[\"a\"]", "451-[\"a\"]", "b!!!", "40[]", "40null", "4{}", "\u001e", "41/x", "42[1"];
const badFrames = [
  frame(0x81, Buffer.from("3"), { masked: false }),
  frame(0xc1, Buffer.from("3")),
  frame(0xb1, Buffer.from("3")),
  frame(0x83, Buffer.from("3")),
  frame(0x8b, Buffer.from("3")),
  frame(0x09, Buffer.alloc(1)),
  frame(0x89, Buffer.alloc(126)),
  frame(0x80, Buffer.from("x")),
  frame(0x81, Buffer.from([0xff, 0xfe])),
  frame(0x81, Buffer.from("4"), { length: 2 ** 40 }),
  frame(0x88, Buffer.from([3])),
  frame(0x88, Buffer.from([0, 1])),
];
const reserved = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

let turn = 0;
/** The next of a list, so that all of it is used. */
const pick = (list) => list[(turn += 1) % list.length];

/** [what, how often, round, check] */
const KINDS = [
  ["a body of wrong types", 8, () => exchange(port, post(JSON.stringify(pick(wrongTypes)))), answers(422, { form: true })],
  ["an unknown event", 4, () => exchange(port, post(JSON.stringify({ ...publication("x"), event: pick(["", "request:", "REQUEST:CREATED", "connect", "__proto__"]) }))), answers(422, { form: true })],
  ["no JSON", 6, () => exchange(port, post(pick(notJson))), answers(400, { form: true })],
  ["a duplicate key", 2, () => exchange(port, post(GOOD.replace("{", '{"event":"request:created",'))), answers(400, { form: true })],
  ["invalid UTF-8", 4, () => exchange(port, post(Buffer.concat([Buffer.from(GOOD.slice(0, 20)), Buffer.from(pick([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]])), Buffer.from(GOOD.slice(20))]))), answers(400, { form: true })],
  ["deep JSON", 3, () => exchange(port, post(GOOD.replace('"data":{}', `"data":{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`))), answers(400, { form: true })],
  ["deep JSON without an end", 2, () => exchange(port, post(pick(["[", '{"a":']).repeat(50_000))), answers(400, { form: true })],
  ["ten megabytes by length", 1, () => exchange(port, async (socket, settled) => {
    socket.write(head("POST", PUBLISH, { ...keyed, "Content-Length": 10_000_000 }));
    await pour(socket, settled, 10_000_000);
  }), answersOrCloses(413)],
  ["ten megabytes in chunks", 1, () => exchange(port, async (socket, settled) => {
    socket.write(head("POST", PUBLISH, { ...keyed, "Transfer-Encoding": "chunked" }));
    await pour(socket, settled, 10_000_000, Buffer.alloc(65_536, 0x20), (piece) => Buffer.concat([Buffer.from("10000\r\n"), piece, Buffer.from("\r\n")]));
  }), answersOrCloses(413)],
  ["a body shorter than its length, then the end", 3, () => exchange(port, post("{}", { "Content-Length": 100 }), { end: true }), answersOrCloses(400)],
  ["the wrong method", 5, () => exchange(port, [head(pick(["GET", "PUT", "DELETE", "PATCH"]), PUBLISH, { ...keyed, "Content-Length": 0 })]), answers(405)],
  ["no key", 4, () => exchange(port, post(GOOD, { Authorization: [] })), answers(401, { form: true })],
  ["a wrong key", 5, () => exchange(port, post(GOOD, { Authorization: pick(["Bearer", "Bearer ", "Bearer x", `Bearer ${API_KEY}x`, `Bearer ${API_KEY.slice(1)}`, `Basic ${API_KEY}`, API_KEY]) })), answers(401, { form: true })],
  ["another content type", 4, () => exchange(port, post(GOOD, { "Content-Type": pick(["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""]) })), answers(415, { form: true })],
  ["a program that is no name", 4, () => exchange(port, post(GOOD, {}, `/api/v1/programs/${pick(["%00", "%zz", "%ff", "p".repeat(129), "%0a", "%"])}/events`)), answers([400, 404, 422])],
  ["a path that is not there", 3, () => exchange(port, [head(pick(["GET", "POST"]), pick(["/nowhere", "/api/v1/programs//events", "/api", "/..%2f..%2fetc", "//"]), { "Content-Length": 0 })]), answers([400, 401, 404])],
  ["Transfer-Encoding: xchunked", 4, () => exchange(port, [head("POST", PUBLISH, { ...keyed, "Transfer-Encoding": pick(["xchunked", "chunked, identity", "gzip", "chunked, chunked"]) }), "2\r\n{}\r\n0\r\n\r\n"]), answersOrCloses([400, 501])],
  ["two ways to tell the length", 3, () => exchange(port, [head("POST", PUBLISH, { ...keyed, "Transfer-Encoding": "chunked", "Content-Length": 4 }), "0\r\n\r\n"]), answersOrCloses(400)],
  ["a length that is none", 4, () => exchange(port, [head("POST", PUBLISH, { ...keyed, "Content-Length": pick(["-1", "+2", "0x2", "2, 3", "", "99999999999999999999999"]) }), "{}"]), answersOrCloses([400, 411, 413])],
  ["chunks that are none", 3, () => exchange(port, [head("POST", PUBLISH, { ...keyed, "Transfer-Encoding": "chunked" }), pick(["zz\r\n", "-1\r\n", "fffffffffffffffff\r\n", "2\r\n{}XX\r\n"])]), answersOrCloses([400, 413])],
  ["ten thousand headers", 2, () => exchange(port, async (socket, settled) => {
    socket.write(`GET /healthz HTTP/1.1\r\nHost: x\r\n`);
    for (let i = 0; i < 10_000 && !settled(); i += 500) {
      socket.write(Array.from({ length: 500 }, (_, k) => `X-${i + k}: y\r\n`).join(""));
      await pause(0);
    }
    if (!settled()) socket.write("\r\n");
  }), answersOrCloses([400, 413, 431])],
  ["one header of a megabyte", 1, () => exchange(port, [`GET /healthz HTTP/1.1\r\nX: ${"y".repeat(1_000_000)}\r\n\r\n`]), answersOrCloses([400, 413, 431])],
  ["what is not HTTP", 4, () => exchange(port, [pick(["\r\n\r\n\r\n\r\njunk\r\n\r\n", "\x16\x03\x01\x02\x00\x01", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\0\0\0\0\0\0\0\0", "GET / HTTP/1.1\r\nBad Header: x\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n"])], { end: true }), answersOrCloses([400, 404, 405, 414, 501, 505])],
  ["an unfinished head, then silence", 5, () => exchange(port, ["GET /healthz HT"], { within: 5 }), () => {}],
  ["an unfinished head, then the end", 5, () => exchange(port, ["GET /healthz HTTP/1.1\r\nHost:"], { end: true }), answersOrCloses(400)],
  ["an unfinished body, then a reset", 5, () => exchange(port, post("{", { "Content-Length": 500 }), { reset: true, within: 5 }), () => {}],
  ["nothing at all, then the end", 3, () => exchange(port, [], { end: true }), answersOrCloses([400])],
  ["nothing at all, then a reset", 3, () => exchange(port, [], { reset: true, within: 3 }), () => {}],
  ["a whole request, then the end", 4, () => exchange(port, [head("GET", "/healthz")], { end: true }), answers(200)],
  ["two requests at once", 3, () => exchange(port, [head("GET", "/healthz") + head("GET", "/nowhere")], { done: (bytes) => (bytes.toString("latin1").match(/HTTP\/1\.1 /g) ?? []).length === 2 }), answers(200)],
  ["a junk sid over polling", 6, () => exchange(port, [head("GET", `/socket.io/?EIO=4&transport=polling&sid=${pick(junkSids.filter(Boolean))}`)]), answers(400)],
  ["a junk sid in a POST", 4, () => exchange(port, [head("POST", `/socket.io/?EIO=4&transport=polling&sid=${pick(junkSids.filter(Boolean))}`, { "Content-Length": 1 }), "3"]), answers(400)],
  ["a junk sid over WebSocket", 4, () => exchange(port, [upgrade(`&sid=${pick(junkSids.filter(Boolean))}`)]), answersOrCloses([101, 400])],
  ["junk in the query", 4, () => exchange(port, [head("GET", `/socket.io/?${pick(["EIO=4&transport=junk", "EIO=9&transport=polling", "transport=polling", "EIO=4", "EIO=4&transport=websocket", "", "EIO=4&EIO=3&transport=polling&transport=x"])}`)]), answers([200, 400])],
  ["a WebSocket handshake that is none", 4, () => exchange(port, [head("GET", "/socket.io/?EIO=4&transport=websocket", pick([{ Upgrade: "websocket", Connection: "Upgrade" }, { Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Version": "7", "Sec-WebSocket-Key": "x" }, { Upgrade: "h2c", Connection: "Upgrade" }, { Connection: "Upgrade" }]))]), answersOrCloses([400, 426])],
  ["a polling payload that is junk", 6, () => overPolling(pick(junkPackets))(), answers([200, 400])],
  ["a polling payload that is too large", 1, () => overPolling(Buffer.alloc(1_100_000, 0x34))(), answersOrCloses([400, 413])],
  ["a binary polling payload", 2, () => overPolling(Buffer.from([0xff, 0, 1]), { "Content-Type": "application/octet-stream" })(), answers([200, 400])],
  ["a bad WebSocket frame", 8, () => overWebSocket([pick(badFrames)])(), closes],
  ["a bad packet over WebSocket", 8, () => overWebSocket([text(pick(["4", "4abc", "42[\"x\"]", "450-[\"a\"]", "4599999999-[\"a\"]", "abc", "9"]))])(), closes],
  ["a bad packet of a member", 6, () => overWebSocket([text(pick(["42[{}]", "42[]", "42{", `42["${pick(reserved)}"]`, "40", "41/other,", "4511-[\"a\"]", "45", "44{}", "42[\"a\"]\u0000"]))], { join: true })(), closes],
  ["deep JSON of a member", 2, () => overWebSocket([text(`42${"[".repeat(100_000)}`)], { join: true })(), closes],
  ["a message of two megabytes", 1, () => overWebSocket([frame(0x82, Buffer.alloc(2_000_000))], { join: true })(), closes],
  ["fragments without an end", 2, () => overWebSocket([frame(0x01, Buffer.from("42")), ...Array.from({ length: 40 }, () => frame(0x00, Buffer.alloc(60_000, 0x20)))], { join: true })(), closes],
];

// --- what the process holds

const descriptors = () => readdirSync(`/proc/${server.pid}/fd`).length;
const residentKiB = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]);

describe("bad input", () => {
  for (const [what, , round, check] of KINDS) {
    test(`${what} gets its answer`, { skip: crierOnly }, async () => {
      for (let i = 0; i < 16; i += 1) check(await round());
    });
  }

  test(`${ROUNDS} rounds of it leave nothing behind`, { skip: crierOnly, timeout: 10 * 60 * 1000 }, async (t) => {
    const random = seeded(20_261_124);
    const bag = KINDS.flatMap((kind) => Array.from({ length: kind[1] }, () => kind));
    await until(() => descriptors(), { what: () => "descriptors" });
    const quiet = descriptors();
    let round = 0;
    const lane = async (last) => {
      while (round < last) {
        round += 1;
        const [what, , play, check] = bag[Math.floor(random() * bag.length)];
        try {
          check(await play());
        } catch (error) {
          throw new Error(`${what}: ${error.message}`, { cause: error });
        }
      }
    };
    const play = (last) => Promise.all(Array.from({ length: LANES }, () => lane(last)));
    const settled = () => until(() => descriptors() <= quiet, { what: () => `${descriptors()} descriptors to become ${quiet}` });
    /** The memory after each of `count` equal parts of the rounds up to `last`. */
    const samples = async (last, count) => {
      const first = round;
      const sizes = [];
      for (let part = 1; part <= count; part += 1) {
        await play(first + Math.round(((last - first) * part) / count));
        await settled();
        sizes.push(residentKiB());
      }
      return sizes;
    };
    // What the server keeps of each round shows in the least of several sizes.
    const before = Math.min(...(await samples(1000, 12)));
    await samples(ROUNDS - 1000, 1);
    const after = Math.min(...(await samples(ROUNDS, 12)));
    t.diagnostic(`descriptors ${quiet} → ${descriptors()}, RSS ${before} → ${after} KiB`);
    assert.ok(after - before <= 1024, `RSS grew by ${after - before} KiB`);
  });

  test("heads that come a byte at a time are cut off after the deadline", { skip: crierOnly, timeout: 60_000 }, async () => {
    const slow = (socket, settled) =>
      (async () => {
        socket.write("GET /healthz HTTP/1.1\r\nX: ");
        while (!settled() && !socket.destroyed) {
          socket.write("y");
          await pause(500);
        }
      })();
    const started = performance.now();
    const results = await Promise.all(Array.from({ length: 50 }, () => exchange(port, slow, { within: 30_000 })));
    for (const result of results) answersOrCloses([400, 408])(result);
    const took = performance.now() - started;
    assert.ok(took > 3000 && took < 25_000, `${Math.round(took)} ms`);
  });

  test("after all this the server serves", async () => {
    const ada = await connect(server, { user: "ada", via: "upgrade" });
    await server.publish("alpha", "well");
    await ada.received("well");
    assert.deepEqual(ada.requestIds, ["well"]);
    closeClients();
    assert.equal((await server.get("/readyz")).status, 200);
  });
});
