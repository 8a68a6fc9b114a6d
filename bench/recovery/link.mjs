// A TCP relay in front of a server: it cuts what it carries, stops reading from the server, or refuses.

import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Link {
  #pairs = new Set();
  #listener;
  #refusing = false;
  #stalled = false;

  /** Relays a port of its own to `target` on this host. */
  static async to(target) {
    const link = new Link();
    link.#listener = createServer({ allowHalfOpen: true }, (near) => link.#carry(near, target));
    link.#listener.listen(0, "127.0.0.1");
    await once(link.#listener, "listening");
    link.port = link.#listener.address().port;
    link.url = `http://127.0.0.1:${link.port}`;
    return link;
  }

  #carry(near, target) {
    near.on("error", () => {});
    if (this.#refusing) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port: target, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    far.on("error", () => {});
    near.setNoDelay(true);
    const pair = [near, far];
    this.#pairs.add(pair);
    near.pipe(far);
    far.pipe(near);
    if (this.#stalled) far.pause();
    for (const end of pair) {
      end.on("close", () => {
        this.#pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
  }

  /** Every connection is gone at once, for both sides. */
  cut() {
    for (const pair of this.#pairs) for (const end of pair) end.resetAndDestroy();
  }

  /** From now on nobody gets through, and who was is cut. */
  refuse() {
    this.#refusing = true;
    this.cut();
  }

  accept() {
    this.#refusing = false;
  }

  /** The server's bytes are no longer read: they stay in the kernel, then with the server. */
  stall() {
    this.#stalled = true;
    for (const [near, far] of this.#pairs) {
      far.unpipe(near);
      far.pause();
    }
  }

  resume() {
    this.#stalled = false;
    for (const [near, far] of this.#pairs) far.pipe(near);
  }

  close() {
    this.#listener.close();
    this.cut();
  }
}
