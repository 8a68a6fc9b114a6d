// The four systems under the same checks. Each has: port, pids (of the server and of its Redis), publisher(), revoke(),
// slowAdmission(), unnumbered(), stop().

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "../../tests/e2e/support/redis.mjs";
import { crierBinary, freePort, leash, startServer, temporaryFolder, writePeople } from "../../tests/e2e/support/server.mjs";
import { until } from "../../tests/e2e/support/until.mjs";
import { Link } from "./link.mjs";
import { Publisher } from "./publisher.mjs";

export const SYSTEMS = {
  "npm-memory": { title: "npm socket.io, memory", start: (options) => Node.start(options, false) },
  "npm-streams": { title: "npm socket.io, Redis Streams", start: (options) => Node.start(options, true) },
  "crier-memory": { title: "Crier, memory", start: (options) => Crier.start(options, false) },
  "crier-redis": { title: "Crier, Redis", start: (options) => Crier.start(options, true) },
  // An earlier build's, to see what a change costs.
  ...(process.env.CRIER_BEFORE === undefined ? {} : {
    "crier-before-memory": { title: "Crier before, memory", start: (options) => Crier.start(options, false, process.env.CRIER_BEFORE) },
    "crier-before-redis": { title: "Crier before, Redis", start: (options) => Crier.start(options, true, process.env.CRIER_BEFORE) },
  }),
};

const serverCore = cpus().length > 1 ? 0 : undefined;
const pin = (pid, core) => serverCore === undefined || spawnSync("taskset", ["-apc", String(core), String(pid)]);
/** Moves this process off the server's core. */
export const stepAside = () => pin(process.pid, 1);

/** On the server's core: nowhere else would it be left alone by the load. */
async function startRedis() {
  const redis = await Redis.start();
  pin(redis.child.pid, serverCore);
  return redis;
}

class System {
  redis = null;

  get pids() {
    return [this.pid, ...(this.redis ? [this.redis.child.pid] : [])];
  }

  publisher() {
    return Publisher.to(this.port);
  }

  /** One event to each of `programs`, accepted. */
  async publish(programs, n) {
    const publisher = await this.publisher();
    for (const program of programs) await publisher.publish(program, n);
    publisher.close();
  }
}

class Node extends System {
  static async start({ people, env = {} }, withRedis) {
    const system = new Node();
    if (withRedis) system.redis = await startRedis();
    system.port = await freePort();
    const store = join(temporaryFolder(), "people.json");
    writeFileSync(store, JSON.stringify(people));
    const command = [process.execPath, join(dirname(fileURLToPath(import.meta.url)), "peer.mjs")];
    system.child = leash(
      spawn(command[0], command.slice(1), {
        env: {
          PATH: process.env.PATH,
          PORT: String(system.port),
          CRIER_STORE: store,
          ...(withRedis ? { REDIS_URL: system.redis.url } : {}),
          ...env,
        },
        stdio: ["ignore", "inherit", "inherit"],
      }),
    );
    system.pid = system.child.pid;
    pin(system.pid, serverCore);
    await until(() => system.#ask("/readyz").catch(() => null), { what: () => "the peer to listen" });
    return system;
  }

  async #ask(path) {
    return (await fetch(`http://127.0.0.1:${this.port}${path}`)).json();
  }

  /** Later looks at a token take `ms` longer, for users that were seen before. → what ends it */
  async slowAdmission(ms) {
    await this.#ask(`/admission-delay?ms=${ms}`);
    return { connecting: async () => {}, end: () => this.#ask("/admission-delay?ms=0") };
  }

  revoke(user, program) {
    return this.#ask(`/revoke?user=${user}&program=${program}`);
  }

  /** An event outside the history: `io.to(…).volatile.emit("note", "hello")`. */
  async unnumbered(program) {
    const publisher = await this.publisher();
    await publisher.publish(program, 0, 0, "?volatile");
    publisher.close();
    return { how: "volatile, its last argument a string", restore: async () => {} };
  }

  async stop() {
    this.child.kill("SIGKILL");
    await once(this.child, "exit");
    await this.redis?.kill();
  }
}

class Crier extends System {
  static async start({ people, env = {} }, withRedis, binary = crierBinary) {
    const system = new Crier();
    if (withRedis) {
      system.redis = await startRedis();
      system.toRedis = await Link.to(system.redis.port);
    }
    const store = join(temporaryFolder(), "store.db");
    writePeople(store, people, "crier", binary);
    system.server = await startServer({
      kind: "crier",
      command: [binary, "serve"],
      store,
      core: serverCore,
      env: { CRIER_HTTP_CONNECTIONS_MAX: "100000", ...env },
      // Measurements of Redis are not to be those of a relay: only one check wants it.
      redisUrl: withRedis ? (env.relayRedis ? `redis://127.0.0.1:${system.toRedis.port}` : system.redis.url) : undefined,
    });
    system.port = system.server.port;
    system.pid = system.server.pid;
    return system;
  }

  /** The memberships cannot be read for `ms` after a client began to connect; Crier asks again every 250 ms. */
  async slowAdmission(ms) {
    if (ms === 0) return { connecting: async () => {}, end: async () => {} };
    const bringBack = hide(this.server.store);
    const connecting = async () => {
      await new Promise((done) => setTimeout(done, ms));
      bringBack();
    };
    return { connecting, end: async () => bringBack() };
  }

  async revoke(user, program) {
    const removal = spawn(crierBinary, ["member", "remove", program, user, "--store", this.server.store], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const [code] = await once(removal, "exit");
    if (code !== 0) throw new Error(`crier member remove: exit ${code}`);
  }

  /** An event outside the history. In memory there is none; with Redis, one while it cannot be reached. */
  async unnumbered(program) {
    if (!this.redis) {
      await this.publish([program], 0);
      return { how: "every event has a number", restore: async () => {} };
    }
    this.toRedis.refuse();
    const answer = await until(async () => {
      const { json } = await this.server.post(program, NOTE);
      return json.recoverable === false && json;
    }, { what: () => "an event that is not recoverable" });
    if (answer.id !== null) throw new Error(JSON.stringify(answer));
    const restore = async () => {
      this.toRedis.accept();
      await until(async () => (await this.server.get("/readyz")).status === 200, { what: () => "Crier to be ready again" });
    };
    return { how: "published while Redis was out of reach", restore };
  }

  async stop() {
    await this.server.stop();
    this.toRedis?.close();
    await this.redis?.kill();
  }
}

const NOTE = { event: "request:updated", requestId: "0", data: { text: "hello" }, performedBy: { userId: "ben", name: "Ben Okri" } };

/** Nobody finds the store of users and memberships until the function that it returns is called. */
function hide(file) {
  const move = (from, to) => {
    for (const suffix of ["", "-wal", "-shm"].filter((each) => existsSync(from + each))) renameSync(from + suffix, to + suffix);
  };
  move(file, `${file}.away`);
  return () => move(`${file}.away`, file);
}
