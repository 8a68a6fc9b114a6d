// A relay before a server that breaks a WebSocket after the server has said so much over it.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Takes the server's bytes apart: how many are the HTTP head, and where each frame of its own ends. */
class Frames {
  #bytes = Buffer.alloc(0);
  #head = true;
  count = 0;

  /** What of `bytes` may pass so that at most `most` frames have; the rest is to be dropped. */
  take(bytes, most) {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    let end = 0;
    if (this.#head) {
      const at = this.#bytes.indexOf("\r\n\r\n");
      if (at < 0) return Buffer.alloc(0);
      this.#head = false;
      end = at + 4;
    }
    for (let size; this.count < most && (size = sizeOf(this.#bytes.subarray(end))) > 0; end += size) this.count += 1;
    const passed = this.#bytes.subarray(0, end);
    this.#bytes = this.#bytes.subarray(end);
    return passed;
  }
}

/** Of the whole, unmasked frame that `bytes` begin with; 0: it is not there yet (RFC 6455 section 5.2). */
function sizeOf(bytes) {
  if (bytes.length < 2) return 0;
  const short = bytes[1] & 0x7f;
  const head = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < head) return 0;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  return bytes.length < head + length ? 0 : head + length;
}

export class FrameRelay {
  #server;
  #limits = [];
  #open = new Set();

  /** To the server that listens on `port`. */
  static async to(port) {
    const relay = new FrameRelay();
    relay.#server = createServer((near) => relay.#carry(near, port)).listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    return relay;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Of the next connections, one number each: how many frames pass before it is cut. */
  cutNext(...frames) {
    this.#limits.push(...frames);
  }

  /** Cuts what is open. */
  cut() {
    for (const socket of this.#open) socket.destroy();
  }

  close() {
    this.cut();
    this.#server.close();
  }

  #carry(near, port) {
    const far = connect(port, "127.0.0.1");
    const most = this.#limits.shift() ?? Infinity;
    const frames = new Frames();
    const end = () => (near.destroy(), far.destroy());
    for (const socket of [near, far]) {
      this.#open.add(socket);
      socket.on("error", end).on("close", () => (this.#open.delete(socket), near.writableEnded || end()));
    }
    near.pipe(far, { end: false });
    far.on("data", (bytes) => {
      if (most === Infinity) return near.write(bytes);
      near.write(frames.take(bytes, most));
      if (frames.count < most || near.writableEnded) return;
      near.unpipe(far).resume();
      far.destroy();
      near.end(); // so that what has passed arrives
    });
  }
}
