// A redis-server of our own, on a free port, that can be killed, stopped and brought back.

import { spawn, spawnSync } from "node:child_process";
import { freePort, leash, temporaryFolder } from "./server.mjs";
import { until } from "./until.mjs";

export class Redis {
  /** `keeps`: what it has acknowledged is there again after a restart. */
  static async start({ keeps = false } = {}) {
    const redis = new Redis(await freePort(), temporaryFolder(), keeps);
    await redis.start();
    return redis;
  }

  constructor(port, folder, keeps) {
    this.port = port;
    this.folder = folder;
    this.keeps = keeps;
    this.url = `redis://127.0.0.1:${port}`;
  }

  async start() {
    const args = ["--port", this.port, "--bind", "127.0.0.1", "--dir", this.folder, "--save", ""];
    args.push(...(this.keeps ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"]));
    this.child = leash(spawn("redis-server", args.map(String), { stdio: "ignore" }));
    this.exit = new Promise((done) => this.child.once("exit", done));
    await until(() => this.command("PING") === "PONG", { every: 20, what: () => "redis-server to answer" });
  }

  /** One command by redis-cli; its output as text. */
  command(...args) {
    const { stdout } = spawnSync("redis-cli", ["-p", this.port, ...args].map(String), { encoding: "utf8" });
    return stdout.trim();
  }

  async kill(signal = "SIGKILL") {
    this.child.kill(signal);
    await this.exit;
  }

  /** It accepts connections and answers nothing, until `resume()`. */
  pause() {
    this.child.kill("SIGSTOP");
  }

  resume() {
    this.child.kill("SIGCONT");
  }
}
