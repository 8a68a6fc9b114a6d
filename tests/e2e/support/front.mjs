// A TCP proxy in front of several nodes: goes to one as long as that accepts connections, then to the next. It can cut
// connections after so many bytes.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Node 20 never closes the handle of a socket that is reset while it shuts down, and then does not exit. */
function cut(socket) {
  if (socket.writableEnded || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

export class Front {
  #pairs = new Set();
  #sockets = new Set();
  #listener;

  /** `nodes`: [{port}], whose ports may come and go. `node`: where to begin. */
  constructor(nodes, node = 0) {
    this.nodes = nodes;
    this.node = node;
    /** After how many bytes a new connection is reset; undefined: never. */
    this.bytesLeft = () => undefined;
    this.cuts = 0;
  }

  static async open(nodes, node) {
    const front = new Front(nodes, node);
    front.#listener = createServer({ noDelay: true }, (client) => front.#accept(client)).listen(0, "127.0.0.1");
    await once(front.#listener, "listening");
    front.url = `http://127.0.0.1:${front.#listener.address().port}`;
    return front;
  }

  #accept(client, tried = 0) {
    client.pause();
    if (tried === 0) this.#own(client);
    const upstream = this.#own(connect({ port: this.nodes[this.node].port, host: "127.0.0.1", noDelay: true }));
    const chosen = this.node;
    upstream.once("error", () => {
      if (upstream.accepted) return;
      // One that refuses is left, and not returned to before its neighbour does.
      if (this.node === chosen) this.node = (chosen + 1) % this.nodes.length;
      if (tried + 1 < this.nodes.length && !client.destroyed) this.#accept(client, tried + 1);
      else client.destroy();
    });
    upstream.once("connect", () => {
      upstream.accepted = true;
      if (client.destroyed) upstream.destroy();
      else this.#join(client, upstream);
    });
  }

  #own(socket) {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    return socket;
  }

  #join(client, upstream) {
    const pair = { client, upstream, bytesLeft: this.bytesLeft() ?? Infinity };
    this.#pairs.add(pair);
    const reset = () => {
      this.#pairs.delete(pair);
      cut(client);
      cut(upstream);
    };
    pair.reset = reset;
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      from.on("data", (bytes) => {
        if (bytes.length >= pair.bytesLeft) {
          this.cuts += 1;
          to.write(bytes.subarray(0, pair.bytesLeft), reset);
          pair.bytesLeft = 0;
          from.pause();
          return;
        }
        pair.bytesLeft -= bytes.length;
        if (!to.write(bytes)) {
          from.pause();
          to.once("drain", () => from.resume());
        }
      });
      from.on("end", () => to.end());
      from.on("error", reset);
      from.on("close", () => {
        this.#pairs.delete(pair);
        to.destroySoon();
      });
    }
    client.resume();
  }

  /** Resets every connection; later ones go to `node`. */
  move(node) {
    this.node = node;
    for (const { reset } of [...this.#pairs]) reset();
  }

  close() {
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
