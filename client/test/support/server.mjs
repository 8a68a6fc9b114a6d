// An npm socket.io server whose every word the test chooses, on a port of its own.

import { createServer } from "node:http";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { Server } from "socket.io";

/** What a gateway tells each connection; `position` is a string, or nothing. */
export function tell(socket, programs, { position, ...more } = {}) {
  const recovered = Object.values(programs).every((verdict) => verdict === "recovered");
  socket.emit("catchup", { recovered, replayed: 0, programs, ...more }, ...(position === undefined ? [] : [position]));
}

/** `admit(socket, number)` runs before the CONNECT reply: it may set `socket.pid`, or throw to refuse. */
export async function startServer(t, admit = () => {}) {
  const http = createServer().listen(0, "127.0.0.1");
  await once(http, "listening");
  const io = new Server(http);
  const server = { io, url: `http://127.0.0.1:${http.address().port}`, auths: [], sockets: [] };
  /** What follows each CONNECT reply. */
  server.greet = (socket, number) => tell(socket, { p: number === 1 ? "joined" : "recovered" });
  io.use((socket, next) => {
    server.auths.push(socket.handshake.auth);
    try {
      admit(socket, server.auths.length);
      next();
    } catch (error) {
      next(error);
    }
  });
  io.on("connection", (socket) => {
    server.sockets.push(socket);
    server.greet(socket, server.sockets.length);
  });
  /** The socket of the nth connection, from 1. */
  server.connection = (n) => until(() => server.sockets[n - 1]);
  t.after(() => io.close());
  return server;
}

export async function until(condition, within = 5000) {
  const end = performance.now() + within;
  for (;;) {
    const value = condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`waited in vain for ${condition}`);
    await pause(2);
  }
}

export function envelope(programId, requestId, event = "comment:added") {
  const performedBy = { userId: "ben", name: "Ben" };
  return { event, programId, requestId, data: { text: requestId }, performedBy, timestamp: "2026-01-02T03:04:05.678Z" };
}

/** A Storage of the browser: what is set is a string. */
export class Storage {
  #values = new Map();
  getItem(key) {
    return this.#values.get(key) ?? null;
  }
  setItem(key, value) {
    this.#values.set(key, String(value));
  }
  removeItem(key) {
    this.#values.delete(key);
  }
}
