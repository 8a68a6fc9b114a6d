// One raw exchange: bytes out, what came back, and whether the peer closed.

import { connect } from "node:net";
import { setImmediate as turn } from "node:timers/promises";

/**
 * Writes `parts` (strings or Buffers, or a function that gets the socket) and reads until `done(bytes)` is
 * true, the peer closes, or `within` ms pass. → {bytes, text, status, closed, timedOut}. The connection is
 * destroyed at the end. `end`: half-close after writing. `reset`: RST instead of FIN at the end.
 */
export function exchange(port, parts, { done = headOfAnswer, end = false, reset = false, within = 20_000 } = {}) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const chunks = [];
    let settled = false;
    const settle = (closed, timedOut = false) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      const bytes = Buffer.concat(chunks);
      const text = bytes.toString("latin1");
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
      if (reset) socket.resetAndDestroy();
      else socket.destroy();
      resolve({ bytes, text, status, closed, timedOut });
    };
    const timer = setTimeout(() => settle(false, true), within);
    socket.on("error", () => settle(true));
    socket.on("close", () => settle(true));
    socket.on("end", () => settle(true));
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      if (done(Buffer.concat(chunks))) settle(false);
    });
    socket.on("connect", async () => {
      if (typeof parts === "function") {
        await parts(socket, () => settled);
      } else {
        for (const part of parts) {
          if (settled) return;
          socket.write(part);
        }
      }
      if (end && !settled) socket.end();
    });
  });
}

/** The answer's head and, where its length is told, its body are here. */
export function headOfAnswer(bytes) {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = /content-length: *(\d+)/i.exec(bytes.subarray(0, end).toString("latin1"));
  return bytes.length >= end + 4 + Number(length?.[1] ?? 0);
}

/** Writes without end until the peer has enough: for bodies that are too large. */
export async function pour(socket, settled, total, piece = Buffer.alloc(64 * 1024, 0x20), wrap = (bytes) => bytes) {
  for (let sent = 0; sent < total && !settled() && !socket.destroyed; sent += piece.length) {
    if (!socket.write(wrap(piece))) {
      await Promise.race([
        new Promise((drained) => {
          socket.once("drain", drained);
          socket.once("close", drained);
        }),
      ]);
    }
    await turn();
  }
}

/** One masked client frame with any first byte (RFC 6455 section 5.2). */
export function frame(first, payload, { masked = true, length = payload.length } = {}) {
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = first;
  const bit = masked ? 0x80 : 0;
  if (head.length === 2) head[1] = bit | length;
  else if (head.length === 4) {
    head[1] = bit | 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = bit | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, masked ? Buffer.alloc(4) : Buffer.alloc(0), Buffer.from(payload)]);
}

/** A seeded generator of numbers in [0, 1): the same rounds each time. */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
