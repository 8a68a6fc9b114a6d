// A WebSocket client that costs little: the handshake, Engine.IO and Socket.IO text written by hand on
// a plain socket. For tests and measurements with many clients.

import { randomBytes } from "node:crypto";
import { connect } from "node:net";

const PING = "2";
const scratch = Buffer.alloc(64 * 1024);

/** A masked text frame (RFC 6455 section 5.2); the mask is zero, so the payload is as it is. */
function textFrame(text) {
  const payload = Buffer.from(text);
  const head = payload.length < 126 ? Buffer.from([0x81, 0x80 | payload.length]) : Buffer.alloc(4);
  if (payload.length >= 126) {
    head[0] = 0x81;
    head[1] = 0x80 | 126;
    head.writeUInt16BE(payload.length, 2);
  }
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}
const PONG = textFrame("3");

export class RawClient {
  connected = false;
  /** The code of the server's close frame; 1005 when it has none, null as long as there is none. */
  closeCode = null;
  #closed;
  /** Resolves with {connected, closeCode, error} when the connection is gone. */
  closed = new Promise((done) => {
    this.#closed = done;
  });
  #error = null;
  #rest = null;
  #upgraded = false;

  /**
   * `onEvent(text)` for each Socket.IO event (after `42`); `keepText` false passes its length only. With `deflate`,
   * permessage-deflate is offered, and whatever comes compressed counts as an event: its length is passed.
   */
  constructor(port, auth, { onEvent = () => {}, onConnect = () => {}, keepText = true, deflate = false } = {}) {
    this.onEvent = onEvent;
    this.onConnect = onConnect;
    this.keepText = keepText;
    this.auth = auth;
    this.socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer: scratch,
        callback: (length, buffer) => {
          this.#read(buffer.subarray(0, length));
          return true;
        },
      },
    });
    this.socket.on("error", (error) => {
      this.#error = error;
    });
    this.socket.on("close", () =>
      this.#closed({ connected: this.connected, closeCode: this.closeCode, error: this.#error }),
    );
    this.socket.write(
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n` +
        (deflate ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n" : "\r\n"),
    );
  }

  #read(chunk) {
    let bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = null;
    if (!this.#upgraded) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) {
        this.#rest = Buffer.from(bytes);
        return;
      }
      if (!bytes.subarray(0, end).toString("latin1").startsWith("HTTP/1.1 101")) {
        this.#error = new Error(bytes.subarray(0, end).toString("latin1"));
        this.socket.destroy();
        return;
      }
      this.#upgraded = true;
      bytes = bytes.subarray(end + 4);
    }
    let at = 0;
    while (bytes.length - at >= 2) {
      let length = bytes[at + 1] & 0x7f;
      let head = 2;
      if (length === 126) {
        if (bytes.length - at < 4) break;
        length = bytes.readUInt16BE(at + 2);
        head = 4;
      } else if (length === 127) {
        if (bytes.length - at < 10) break;
        length = Number(bytes.readBigUInt64BE(at + 2));
        head = 10;
      }
      if (bytes.length - at < head + length) break;
      if (bytes[at] & 0x40) this.onEvent(length);
      else this.#frame(bytes[at] & 0x0f, bytes, at + head, at + head + length);
      at += head + length;
    }
    if (at < bytes.length) this.#rest = Buffer.from(bytes.subarray(at));
  }

  #frame(opcode, bytes, from, to) {
    if (opcode === 8) {
      this.closeCode = to - from >= 2 ? bytes.readUInt16BE(from) : 1005;
      this.socket.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
      return;
    }
    // "42": an event. The common case, so it comes first.
    if (bytes[from] === 0x34 && bytes[from + 1] === 0x32) {
      this.onEvent(this.keepText ? bytes.toString("utf8", from + 2, to) : to - from);
      return;
    }
    const text = bytes.toString("utf8", from, to);
    if (text === PING) this.socket.write(PONG);
    else if (text.startsWith("0{")) this.socket.write(textFrame(`40${JSON.stringify(this.auth)}`));
    else if (text.startsWith("40")) {
      this.connected = true;
      this.onConnect();
    } else if (text.startsWith("44")) {
      this.#error = new Error(text);
      this.socket.destroy();
    }
  }

  send(text) {
    this.socket.write(textFrame(text));
  }

  destroy() {
    this.socket.destroy();
  }
}

/** Connects `count` clients, `inFlight` at a time; resolves when all are in their rooms. */
export async function connectMany(port, count, auth, options = {}, inFlight = 64) {
  const clients = [];
  const lane = async () => {
    while (clients.length < count) {
      const index = clients.length;
      const client = new RawClient(port, auth(index), { ...options, onEvent: options.onEventOf?.(index) ?? options.onEvent });
      clients.push(client);
      await new Promise((done, fail) => {
        client.onConnect = done;
        client.closed.then(({ connected, error }) => connected || fail(error ?? new Error("closed before CONNECT")));
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, lane));
  return clients;
}
