// A redis-server of our own, on a free port, that can be killed and brought back.

import { spawn, spawnSync } from "node:child_process";
import { freePort, leash, temporaryFolder } from "./server.mjs";
import { until } from "./until.mjs";

export class Redis {
  static async start() {
    const redis = new Redis(await freePort(), temporaryFolder());
    await redis.start();
    return redis;
  }

  constructor(port, folder) {
    this.port = port;
    this.folder = folder;
    this.url = `redis://127.0.0.1:${port}`;
  }

  async start() {
    const args = ["--port", this.port, "--bind", "127.0.0.1", "--dir", this.folder, "--save", "", "--appendonly", "no"];
    this.child = leash(spawn("redis-server", args.map(String), { stdio: "ignore" }));
    this.exit = new Promise((done) => this.child.once("exit", done));
    await until(() => this.command("PING") === "PONG", { every: 20, what: () => "redis-server to answer" });
  }

  /** One command by redis-cli; its output as text. */
  command(...args) {
    const { stdout } = spawnSync("redis-cli", ["-p", this.port, ...args].map(String), { encoding: "utf8" });
    return stdout.trim();
  }

  async kill() {
    this.child.kill("SIGKILL");
    await this.exit;
  }
}
