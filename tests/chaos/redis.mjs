// Redis servers of our own: one that is used and a spare one, or a master and a replica with a Sentinel.

import { execFile, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { leash } from "../e2e/support/server.mjs";
import { until } from "../e2e/support/until.mjs";
import { free_port } from "./ports.mjs";

const PATIENCE = 60_000;

class Program {
  constructor(folder, name, args) {
    Object.assign(this, { name, args, folder: join(folder, name) });
    mkdirSync(this.folder, { recursive: true });
  }

  async start() {
    this.child = leash(spawn("redis-server", this.args.map(String), { stdio: "ignore", cwd: this.folder }));
    this.exit = new Promise((done) => this.child.once("exit", done));
    await this.answers();
  }

  answers() {
    return until(async () => (await this.command("PING")) === "PONG", { within: PATIENCE, every: 30, what: () => `${this.name} to answer` });
  }

  /** One command by redis-cli; its output as text, whatever it is. */
  command(...args) {
    return new Promise((done) => {
      execFile("redis-cli", ["-p", this.port, ...args].map(String), { timeout: PATIENCE }, (_, stdout) => done(stdout.trim()));
    });
  }

  async kill(signal = "SIGKILL") {
    this.child.kill("SIGCONT");
    this.child.kill(signal);
    await this.exit;
  }

  get running() {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }
}

export class RedisServer extends Program {
  static async make(folder, name, { keeps }) {
    const port = await free_port();
    const kept = keeps ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"];
    const args = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--repl-diskless-sync-delay", 0, "--repl-backlog-size", "4mb", ...kept];
    return Object.assign(new RedisServer(folder, name, args), { port });
  }

  /** Until it has everything that `master` has. */
  async follow(master) {
    await this.command("REPLICAOF", "127.0.0.1", master.port);
    await until(async () => /master_link_status:up/.test(await this.command("INFO", "replication")), {
      within: PATIENCE,
      every: 50,
      what: () => `${this.name} to follow ${master.name}`,
    });
  }
}

class Sentinel extends Program {
  static async make(folder, master) {
    const port = await free_port();
    const sentinel = Object.assign(new Sentinel(folder, "sentinel", []), { port });
    const file = join(sentinel.folder, "sentinel.conf");
    writeFileSync(
      file,
      `port ${port}\nbind 127.0.0.1\nsentinel monitor crier 127.0.0.1 ${master.port} 1\n` +
        "sentinel down-after-milliseconds crier 1500\nsentinel failover-timeout crier 6000\nsentinel parallel-syncs crier 1\n",
    );
    sentinel.args = [file, "--sentinel"];
    return sentinel;
  }

  async master_port() {
    return Number((await this.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "crier")).split("\n")[1]);
  }
}

/** What stands behind the nodes: `servers` (two), which of them is `current`, and the Sentinel if there is one. */
export class Redis {
  static async start(folder, { topology, keeps }) {
    const redis = new Redis();
    redis.topology = topology;
    redis.servers = [await RedisServer.make(folder, "redis-0", { keeps }), await RedisServer.make(folder, "redis-1", { keeps })];
    await redis.servers[0].start();
    redis.current = redis.servers[0];
    if (topology !== "sentinel") return redis;
    await redis.servers[1].start();
    await redis.servers[1].follow(redis.servers[0]);
    redis.sentinel = await Sentinel.make(folder, redis.servers[0]);
    await redis.sentinel.start();
    await until(async () => /slaves=1/.test(await redis.sentinel.command("INFO", "sentinel")), {
      within: PATIENCE,
      every: 100,
      what: () => "the Sentinel to know the replica",
    });
    return redis;
  }

  get spare() {
    return this.servers.find((server) => server !== this.current);
  }

  /** Until the Sentinel names another master than `server`. */
  async switched(server) {
    const port = await until(async () => {
      const named = await this.sentinel.master_port();
      return named > 0 && named !== server.port && named;
    }, { within: PATIENCE, every: 50, what: () => "the Sentinel to switch" });
    this.current = this.servers.find((one) => one.port === port);
  }

  /** Until the other one is a replica that is whole, so that the next failover can be. */
  async paired() {
    await until(async () => {
      const port = await this.sentinel.master_port();
      this.current = this.servers.find((one) => one.port === port) ?? this.current;
      const roles = await Promise.all(this.servers.map((server) => server.command("INFO", "replication")));
      const known = await this.sentinel.command("INFO", "sentinel");
      return /role:master/.test(roles[this.servers.indexOf(this.current)]) && roles.some((text) => /master_link_status:up/.test(text)) && /status=ok/.test(known);
    }, { within: PATIENCE, every: 100, what: () => "the replica to follow its master" });
  }

  async stop() {
    for (const program of [this.sentinel, ...this.servers]) if (program?.running) await program.kill();
  }
}
