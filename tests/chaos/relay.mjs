// A TCP relay that does to connections what networks do: resets them, ends one direction, delays, stalls and refuses, at any
// moment or after so many bytes.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Node 20 never closes the handle of a socket that is reset while it shuts down, and then does not exit. */
function reset(socket) {
  if (socket.writableEnded || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

export class Relay {
  #links = new Set();
  #sockets = new Set();
  #listener;
  #refusing = false;

  /**
   * `targets`: ports. A connection goes to `targets[chosen]`; with `roams`, to the next if that does not accept. `fate()`:
   * what happens to a new connection, {after, what}, or undefined. `rewrite(text)`: changes what the target says.
   * `count(what)` is called for each thing that is done.
   */
  constructor(targets, { chosen = 0, roams = false, fate = () => undefined, rewrite, count = () => {} } = {}) {
    Object.assign(this, { targets, chosen, roams, fate, rewrite, count });
    this.delay = 0;
    this.stalled = false;
  }

  static async open(targets, options) {
    const relay = new Relay(targets, options);
    relay.#listener = createServer({ noDelay: true, allowHalfOpen: true }, (near) => relay.#accept(near)).listen(0, "127.0.0.1");
    await once(relay.#listener, "listening");
    relay.port = relay.#listener.address().port;
    return relay;
  }

  #accept(near, tried = 0) {
    if (tried === 0) this.#own(near);
    if (this.#refusing) return reset(near);
    near.pause();
    const chosen = this.chosen;
    const far = this.#own(connect({ port: this.targets[chosen], host: "127.0.0.1", noDelay: true, allowHalfOpen: true }));
    far.once("error", () => {
      if (far.joined) return;
      if (!this.roams) return reset(near);
      // One that refuses is left, and not returned to before its neighbour does.
      if (this.chosen === chosen) this.chosen = (chosen + 1) % this.targets.length;
      if (tried + 1 < this.targets.length && !near.destroyed) this.#accept(near, tried + 1);
      else reset(near);
    });
    far.once("connect", () => {
      far.joined = true;
      if (near.destroyed || this.#refusing) return reset(near), reset(far);
      this.#join(new Link(this, near, far));
    });
  }

  #own(socket) {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    return socket;
  }

  #join(link) {
    this.#links.add(link);
    link.on_end = () => this.#links.delete(link);
    link.run(this.fate());
  }

  get open() {
    return this.#links.size;
  }

  /** Does it to every connection, or to each with this chance: reset · half_near · half_far · stall. */
  all(what, chance = () => true) {
    const chosen = [...this.#links].filter(chance);
    for (const link of chosen) link.suffer(what);
    return chosen.length;
  }

  /** Resets every connection; later ones go to another target. */
  move(chosen) {
    this.chosen = chosen;
    return this.all("reset");
  }

  /** Resets everything, and lets nobody in until `mend()`. */
  refuse() {
    this.#refusing = true;
    return this.all("reset");
  }

  /** What comes waits until `mend()`; nobody is told. */
  stall() {
    this.stalled = true;
    for (const link of this.#links) link.hold();
  }

  mend() {
    this.#refusing = false;
    this.stalled = false;
    this.delay = 0;
    for (const link of this.#links) link.go_on();
  }

  close() {
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

class Link {
  #ended = false;

  constructor(relay, near, far) {
    Object.assign(this, { relay, near, far, kept: [], queue: [] });
  }

  run(fate) {
    this.fate = fate;
    this.left = fate?.after ?? Infinity;
    this.#pass(this.near, this.far);
    this.#pass(this.far, this.near);
    if (this.relay.stalled) this.hold();
    else this.near.resume();
  }

  #pass(from, to) {
    from.on("data", (bytes) => this.#carry(from, to, bytes));
    from.on("end", () => this.#later(() => to.end()));
    from.on("error", () => this.suffer("reset"));
    from.on("close", () => {
      this.#later(() => to.destroySoon());
      if (this.near.destroyed && this.far.destroyed) this.#end();
    });
  }

  #carry(from, to, bytes) {
    if (this.held) return this.kept.push([from, to, bytes]);
    if (from.deaf) return;
    if (bytes.length < this.left) {
      this.left -= bytes.length;
      return this.#write(from, to, bytes);
    }
    const head = bytes.subarray(0, this.left);
    const rest = bytes.subarray(this.left);
    const { what } = this.fate;
    this.left = Infinity;
    if (what === "reset") {
      this.hold();
      return this.#write(from, to, head, () => this.suffer(what));
    }
    this.#write(from, to, head);
    this.suffer(what);
    // A connection loses its end or all of it, never something in between.
    this.#carry(from, to, rest);
  }

  #write(from, to, bytes, then) {
    const text = this.relay.rewrite && from === this.far ? Buffer.from(this.relay.rewrite(bytes.toString("latin1")), "latin1") : bytes;
    this.#later(() => {
      if (to.destroyed || to.writableEnded) return then?.();
      if (to.write(text, then) || this.held) return;
      from.pause();
      to.once("drain", () => this.held || from.resume());
    });
  }

  /** In order, whatever the delay was when each came. */
  #later(action) {
    if (this.relay.delay === 0 && this.queue.length === 0) return action();
    this.queue.push({ due: performance.now() + this.relay.delay, action });
    if (this.queue.length === 1) this.#wait();
  }

  #wait() {
    setTimeout(() => {
      while (this.queue.length > 0 && this.queue[0].due <= performance.now()) {
        // It stays in the queue meanwhile: what its action brings is later.
        this.queue[0].action();
        this.queue.shift();
      }
      if (this.queue.length > 0) this.#wait();
    }, Math.max(0, this.queue[0].due - performance.now()));
  }

  suffer(what) {
    if (this.#ended) return;
    this.relay.count(what);
    if (what === "reset") {
      reset(this.near);
      reset(this.far);
      this.#end();
    } else if (what === "half_near") this.#halve(this.near, this.far);
    else if (what === "half_far") this.#halve(this.far, this.near);
    else if (what === "stall") this.hold();
  }

  /** `to` hears that `from` has ended; what `from` goes on to say is lost. */
  #halve(from, to) {
    from.deaf = true;
    if (!to.writableEnded) to.end();
  }

  hold() {
    this.held = true;
    this.near.pause();
    this.far.pause();
  }

  go_on() {
    if (!this.held) return;
    this.held = false;
    for (const [from, to, bytes] of this.kept.splice(0)) this.#carry(from, to, bytes);
    if (this.held) return;
    this.near.resume();
    this.far.resume();
  }

  #end() {
    this.#ended = true;
    this.on_end?.();
  }
}
