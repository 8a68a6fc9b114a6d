import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { follow } from "../dist/index.js";
import { envelope, startServer, Storage, tell, until } from "./support/server.mjs";

const quick = { forceNew: true, reconnectionDelay: 5, reconnectionDelayMax: 20, transports: ["websocket"] };

/** A page: a follower that writes down what it is told. */
function page(t, target, options = {}) {
  const told = [];
  const seen = [];
  const all = {
    token: "t",
    io: quick,
    onProgram: (program, verdict) => told.push(`${program} ${verdict}`),
    onEverything: () => told.push("everything"),
    ...options,
  };
  const follower = follow(target, all);
  follower.on("comment:added", ({ requestId }, id) => seen.push(id === undefined ? requestId : `${requestId} ${id}`));
  t.after(() => follower.socket.disconnect());
  return { follower, socket: follower.socket, told, seen };
}

const add = (socket, requestId, ...id) => socket.emit("comment:added", envelope("p", requestId), ...id);
const drop = (socket) => socket.conn.close();

/** What a page in a process of its own says, whose handlers throw. */
function throwingPage(t, server) {
  const script = fileURLToPath(new URL("support/page.mjs", import.meta.url));
  const child = spawn(process.execPath, [script, server.url], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill());
  const lines = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line)));
  return { lines };
}

test("handlers get envelope and id, until they are removed", async (t) => {
  const server = await startServer(t);
  const { follower, seen } = page(t, server.url);
  const got = [];
  const remove = follower.on("request:created", (...args) => got.push(args));
  const peer = await server.connection(1);
  const sent = envelope("p", "1", "request:created");
  peer.emit("request:created", sent, "e.1");
  await until(() => got.length === 1);
  assert.deepEqual(got, [[sent, "e.1"]]);
  remove();
  peer.emit("request:created", sent, "e.2");
  add(peer, "end");
  await until(() => seen.length === 1);
  assert.equal(got.length, 1);
  assert.equal(follower.cursor, "e.2", "what nobody handles moves the cursor as well");
});

test("an event that comes again is dropped by its id, one without an id is not", async (t) => {
  const server = await startServer(t);
  const { follower, seen } = page(t, server.url);
  const peer = await server.connection(1);
  add(peer, "a", "e.1");
  add(peer, "b", "e.2");
  add(peer, "a", "e.1");
  add(peer, "c");
  add(peer, "c");
  await until(() => seen.length === 4);
  assert.deepEqual(seen, ["a e.1", "b e.2", "c", "c"]);
  assert.equal(follower.cursor, "e.2", "a repeat does not move the cursor back");
});

test("as many ids are remembered as asked for, the newest", async (t) => {
  const server = await startServer(t);
  const { seen } = page(t, server.url, { remember: 3 });
  const peer = await server.connection(1);
  for (const n of [1, 2, 3, 4, 2, 1, "end"]) add(peer, n, `e.${n}`);
  await until(() => seen.at(-1) === "end e.end");
  assert.deepEqual(seen, ["1 e.1", "2 e.2", "3 e.3", "4 e.4", "1 e.1", "end e.end"]);
});

test("a new page sends the last id, and only at its first connection", async (t) => {
  const server = await startServer(t, (socket) => {
    socket.pid = "sealed";
  });
  const storage = new Storage();
  const first = page(t, server.url, { storage });
  add(await server.connection(1), "a", "e.7");
  await until(() => first.seen.length === 1);
  first.socket.disconnect();

  const second = page(t, server.url, { storage });
  const peer = await server.connection(2);
  add(peer, "b", "e.8");
  await until(() => second.seen.length === 1);
  drop(peer);
  await server.connection(3);
  assert.deepEqual(server.auths, [{ token: "t" }, { token: "t", lastEventId: "e.7" }, { token: "t", pid: "sealed", offset: "e.8" }]);
});

test("a refused connection leaves the last id to the next one", async (t) => {
  const server = await startServer(t, (_, number) => {
    if (number === 1) throw new Error("Invalid or expired token");
  });
  const storage = new Storage();
  storage.setItem("crier:cursor", "e.7");
  const { socket } = page(t, server.url, { storage });
  await new Promise((done) => socket.once("connect_error", done));
  socket.connect();
  await server.connection(1);
  assert.deepEqual(server.auths.map(({ lastEventId }) => lastEventId), ["e.7", "e.7"]);
});

for (const [kind, auth] of [
  ["an object", { token: "old" }],
  ["a function", (give) => give({ token: "new" })],
  ["missing", undefined],
]) {
  test(`a socket of the application keeps its auth, which is ${kind}`, async (t) => {
    const server = await startServer(t);
    const storage = new Storage();
    storage.setItem("mine", "e.7");
    const socket = io(server.url, { ...quick, auth, autoConnect: false });
    page(t, socket, { storage, key: "mine" });
    if (kind === "an object") socket.auth.token = "new";
    socket.connect();
    drop(await server.connection(1));
    await server.connection(2);
    const token = auth === undefined ? {} : { token: "new" };
    assert.deepEqual(server.auths, [{ ...token, lastEventId: "e.7" }, token]);
  });
}

test("everything is to be loaded at a first connection without a cursor", async (t) => {
  const server = await startServer(t);
  server.greet = (socket) => {
    tell(socket, { a: "joined", b: "joined" });
    add(socket, "a", "e.1");
  };
  const { told, seen } = page(t, server.url);
  await until(() => seen.length === 1);
  assert.deepEqual(told, ["everything"]);
});

test("a first visit tells each program to who asks for no more", async (t) => {
  const server = await startServer(t);
  server.greet = (socket) => tell(socket, { a: "joined", b: "joined" });
  const { told } = page(t, server.url, { onEverything: undefined });
  await until(() => told.length === 2);
  assert.deepEqual(told, ["a joined", "b joined"]);
});

test("a first visit that ends before its verdicts is one still", async (t) => {
  const server = await startServer(t);
  server.greet = (socket, number) => number === 2 && tell(socket, { a: "joined", b: "joined" });
  const { told } = page(t, server.url, { verdictsWithin: 60_000 });
  drop(await server.connection(1));
  await until(() => told.length > 0);
  assert.deepEqual(told, ["everything"]);
});

test("everything is to be loaded when the socket was connected before", async (t) => {
  const server = await startServer(t);
  const socket = io(server.url, quick);
  await new Promise((done) => socket.once("connect", done));
  const { told } = page(t, socket);
  assert.deepEqual(told, [], "not before follow() returns");
  await until(() => told.length === 1);
  assert.deepEqual(told, ["everything"]);
});

test("each program that was not recovered is told with its verdict, once", async (t) => {
  const server = await startServer(t);
  server.greet = (socket, number) => {
    if (number === 1) return tell(socket, {});
    add(socket, "kept", "e.1");
    tell(socket, { a: "recovered", b: "gap", c: "reset", d: "joined", e: "left" });
    add(socket, "live", "e.2");
  };
  const { told, seen } = page(t, server.url, { verdictsWithin: 20 });
  drop(await server.connection(1));
  await until(() => seen.length === 2);
  await pause(40);
  assert.deepEqual(told, ["everything", "b gap", "c reset", "d joined", "e left"]);
});

for (const [what, programs, more, expected] of [
  ["others that are recovered ask for nothing", { a: "gap", b: "left" }, { others: "recovered" }, ["a gap", "b left"]],
  ["others that are not ask for everything", { a: "recovered", b: "left" }, { others: "reset" }, ["b left", "everything"]],
  ["memberships that ended unnamed ask for everything", { a: "gap" }, { changed: true }, ["everything"]],
]) {
  test(`of programs that are not named: ${what}`, async (t) => {
    const server = await startServer(t);
    server.greet = (socket, number) => tell(socket, number === 1 ? {} : programs, number === 1 ? {} : more);
    const { told } = page(t, server.url);
    drop(await server.connection(1));
    await until(() => told.length === 1 + expected.length);
    assert.deepEqual(told, ["everything", ...expected]);
  });
}

test("the position of catchup moves the cursor, and is no event", async (t) => {
  const server = await startServer(t, (socket) => {
    socket.pid = "sealed";
  });
  server.greet = (socket) => tell(socket, { p: "joined" }, { position: "e.5.abcd" });
  const storage = new Storage();
  const first = page(t, server.url, { storage, remember: 1 });
  const peer = await server.connection(1);
  await until(() => storage.getItem("crier:cursor") === "e.5.abcd");
  add(peer, "a", "e.6");
  await until(() => first.seen.length === 1);
  tell(peer, { p: "recovered" }, { position: "e.6.efgh" });
  add(peer, "a", "e.6");
  add(peer, "end");
  tell(peer, { p: "recovered" }, { position: "e.7.efgh" });
  await until(() => first.follower.cursor === "e.7.efgh");
  assert.deepEqual(first.seen, ["a e.6", "end"], "the position takes the place of no id");
  drop(peer);
  await server.connection(2);
  assert.equal(server.auths[1].offset, "e.7.efgh", "socket.io-client takes it too");
  await until(() => storage.getItem("crier:cursor") === "e.5.abcd");
  first.socket.disconnect();
  page(t, server.url, { storage });
  await server.connection(3);
  assert.equal(server.auths[2].lastEventId, "e.5.abcd", "what was said last");
});

test("a verdict whose handler throws moves no cursor", async (t) => {
  const server = await startServer(t, (socket) => {
    socket.pid = "sealed";
  });
  server.greet = (socket) => tell(socket, { a: "gap", b: "left" }, { position: "e.5.abcd" });
  const { lines } = throwingPage(t, server);
  await until(() => lines.some(({ uncaught }) => uncaught));
  drop(await server.connection(1));
  await server.connection(2);
  assert.equal(server.auths[1].offset, undefined);
  await until(() => lines.filter(({ uncaught }) => uncaught).length === 2);
  assert.deepEqual(lines.slice(1, 4), [{ program: "a", verdict: "gap" }, { program: "b", verdict: "left" }, { uncaught: "onProgram a" }]);
});

test("a connection that is recovered asks for nothing", async (t) => {
  const server = await startServer(t, (socket) => {
    socket.pid = "same";
  });
  const { told, socket } = page(t, server.url, { verdictsWithin: 5 });
  drop(await server.connection(1));
  await server.connection(2);
  await until(() => socket.recovered);
  await pause(20);
  assert.deepEqual(told, ["everything"]);
});

test("without verdicts everything is to be loaded", async (t) => {
  const server = await startServer(t);
  server.greet = () => {};
  const { told } = page(t, server.url, { verdictsWithin: 20 });
  const peer = await server.connection(1);
  await until(() => told.length === 1);
  drop(peer);
  await server.connection(2);
  await until(() => told.length === 2);
  assert.deepEqual(told, ["everything", "everything"]);
});

test("a connection that ends before its verdicts is not forgotten by one that is recovered", async (t) => {
  const server = await startServer(t, (socket, number) => {
    socket.pid = number === 1 ? "before the hole" : "behind the hole";
  });
  server.greet = (socket, number) => number === 1 && tell(socket, { p: "joined" });
  const { told, socket } = page(t, server.url, { verdictsWithin: 60_000 });
  const peer = await server.connection(1);
  await until(() => told.length === 1);
  drop(peer);
  drop(await server.connection(2));
  await server.connection(3);
  await until(() => socket.recovered);
  assert.deepEqual(told, ["everything", "everything"]);
});

test("a page that ends before its verdicts leaves the cursor where it was", async (t) => {
  const server = await startServer(t);
  server.greet = () => {};
  const storage = new Storage();
  storage.setItem("crier:cursor", "e.1");
  const { follower, seen } = page(t, server.url, { storage, verdictsWithin: 60_000 });
  const peer = await server.connection(1);
  add(peer, "behind a hole", "e.9");
  await until(() => seen.length === 1);
  assert.equal(storage.getItem("crier:cursor"), "e.1");
  peer.emit("catchup", { recovered: false, replayed: 1, programs: { p: "gap" } });
  await until(() => storage.getItem("crier:cursor") === "e.9");
  assert.equal(follower.cursor, "e.9");
});

test("a storage that fails costs nothing but the cursor of the next page", async (t) => {
  const server = await startServer(t);
  const broken = () => {
    throw new Error("forbidden");
  };
  const { follower, seen, told } = page(t, server.url, { storage: { getItem: broken, setItem: broken, removeItem: broken } });
  add(await server.connection(1), "a", "e.1");
  await until(() => seen.length === 1);
  assert.equal(follower.cursor, "e.1");
  follower.forget();
  assert.deepEqual(told, ["everything"]);
});

test("forget() drops the cursor, here and in the storage, and the ids", async (t) => {
  const server = await startServer(t);
  const storage = new Storage();
  const { follower, seen } = page(t, server.url, { storage });
  const peer = await server.connection(1);
  add(peer, "a", "e.1");
  await until(() => seen.length === 1);
  follower.forget();
  assert.equal(follower.cursor, undefined);
  assert.equal(storage.getItem("crier:cursor"), null);
  add(peer, "a", "e.1");
  await until(() => seen.length === 2);
});

test("a token that cannot be had ends the connection, and the next one asks again", async (t) => {
  const server = await startServer(t);
  let asked = 0;
  const token = () => {
    asked += 1;
    if (asked === 1) throw new Error("offline");
    return asked === 2 ? Promise.reject(new Error("offline")) : Promise.resolve("third");
  };
  page(t, server.url, { token });
  await server.connection(1);
  assert.equal(asked, 3);
  assert.deepEqual(server.auths, [{ token: "third" }]);
});

test("a token that comes late is not sent on a connection that did not ask for it", async (t) => {
  const server = await startServer(t);
  const answers = [];
  const { socket } = page(t, server.url, { token: () => new Promise((done) => answers.push(done)) });
  await until(() => answers.length === 1);
  socket.io.engine.close();
  await until(() => answers.length === 2);
  answers[0]("late");
  await pause(10);
  answers[1]("good");
  await server.connection(1);
  await pause(20);
  assert.deepEqual(server.auths, [{ token: "good" }]);
});

test("after stop() the socket goes on without it", async (t) => {
  const server = await startServer(t);
  const { follower, socket, told, seen } = page(t, server.url, { verdictsWithin: 5 });
  drop(await server.connection(1));
  const peer = await server.connection(2);
  follower.stop();
  let plain = 0;
  socket.on("comment:added", () => (plain += 1));
  add(peer, "a", "e.1");
  await until(() => plain === 1);
  await pause(20);
  assert.deepEqual({ told: told.slice(1), seen }, { told: [], seen: [] });
});

test("what a handler throws is uncaught, and the event is handled when it comes again", async (t) => {
  const server = await startServer(t, (socket) => {
    socket.pid = "same";
  });
  server.greet = () => {};
  const { lines } = throwingPage(t, server);
  const first = await server.connection(1);
  add(first, "1", "e.1");
  add(first, "2", "e.2");
  await until(() => lines.some(({ uncaught }) => uncaught));
  drop(first);
  const second = await server.connection(2);
  assert.equal(server.auths[1].offset, "e.1", "socket.io-client asks for it again");
  add(second, "2", "e.2");
  second.emit("catchup", { recovered: false, replayed: 1, programs: { a: "gap", b: "left" } });
  add(second, "3", "e.3");
  await until(() => lines.at(-1).requestId === "3");
  assert.deepEqual(lines, [
    { connected: true },
    { requestId: "1", id: "e.1", cursor: null },
    { requestId: "2", id: "e.2", cursor: "e.1" },
    { uncaught: "handler" },
    { connected: true },
    { requestId: "2", id: "e.2", cursor: "e.1" },
    { program: "a", verdict: "gap" },
    { program: "b", verdict: "left" },
    { uncaught: "onProgram a" },
    { requestId: "3", id: "e.3", cursor: "e.2" },
  ]);
});
