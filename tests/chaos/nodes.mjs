// The daemons: each with relays of its own to Redis, a log file, and faults that are done to it.

import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { startServer } from "../e2e/support/server.mjs";
import { until } from "../e2e/support/until.mjs";
import { free_port } from "./ports.mjs";
import { Relay } from "./relay.mjs";

const PATIENCE = 90_000;

export class Node {
  /** `options`: {name, workers, store, redis, env, folder, fate, count, problem}. */
  static async make(options) {
    const node = Object.assign(new Node(), options);
    node.port = await free_port();
    await node.#lay_links();
    node.file = createWriteStream(join(node.folder, `${node.name}.log`));
    return node;
  }

  /** One relay to each Redis server; a Sentinel's answers are changed so that they name the relays. */
  async #lay_links() {
    const { redis, fate, count } = this;
    const open = (port, more = {}) => Relay.open([port], { fate, count, ...more });
    this.links = await Promise.all(redis.servers.map(({ port }) => open(port)));
    if (!redis.sentinel) {
      // One address for whichever server is current.
      const front = await Relay.open(redis.servers.map(({ port }) => port), { fate, count });
      this.links = [front];
      this.front = front;
      this.url = `redis://127.0.0.1:${front.port}`;
      return;
    }
    const relays = redis.servers.map(({ port }, i) => [`\r\n${port}\r\n`, `\r\n${this.links[i].port}\r\n`]);
    const rewrite = (text) => relays.reduce((changed, [from, to]) => changed.replaceAll(from, to), text);
    this.sentinel_link = await open(redis.sentinel.port, { rewrite });
    this.links.push(this.sentinel_link);
    this.url = `redis+sentinel://127.0.0.1:${this.sentinel_link.port}/crier`;
  }

  async start() {
    this.ending = false;
    const server = await startServer({
      port: this.port,
      store: this.store,
      redisUrl: this.url,
      env: { CRIER_HTTP_ADDRESS: "127.0.0.1", CRIER_SERVER_WORKERS: String(this.workers), ...this.env },
      waitReady: false,
    });
    this.server = server;
    for (const stream of [server.child.stdout, server.child.stderr]) stream.on("data", (text) => this.file.write(text));
    server.exit.then(({ code, signal }) => {
      if (this.server === server && !this.ending) this.problem(`${this.name} ended by itself (${code ?? signal})\n${server.log.slice(-2000)}`);
    });
    await until(() => server.child.exitCode !== null || server.get("/healthz").then(() => true, () => false), {
      within: PATIENCE,
      every: 50,
      what: () => `${this.name} to listen\n${server.log}`,
    });
  }

  async ready() {
    await until(async () => (await this.server.get("/readyz").catch(() => null))?.status === 200, {
      within: PATIENCE,
      every: 100,
      what: () => `${this.name} to be ready\n${this.server.log}`,
    });
  }

  async end(signal) {
    this.ending = true;
    this.server.child.kill(signal);
    const { code } = await this.server.ended(PATIENCE);
    if (signal === "SIGTERM" && code !== 0) this.problem(`${this.name} ended with ${code}\n${this.server.log.slice(-2000)}`);
  }

  async stand_still(milliseconds) {
    this.server.child.kill("SIGSTOP");
    await pause(milliseconds);
    this.server.child.kill("SIGCONT");
  }

  async stop() {
    this.ending = true;
    if (this.server) await this.server.stop();
    for (const link of this.links) link.close();
    this.file.end();
  }
}
