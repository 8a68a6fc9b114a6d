// The systems under load, each on the server's core, and the clients that they let in.

import { createHmac } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as pause } from "node:timers/promises";
import { API_KEY, freePort, SECRET, startServer, temporaryFolder, writePeople } from "../../tests/e2e/support/server.mjs";
import { RawClient } from "../../tests/e2e/support/raw_client.mjs";
import { program, SERVER_CORE } from "./machine.mjs";

const nodePeer = join(dirname(fileURLToPath(import.meta.url)), "../peers/node/server.mjs");

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const head = part({ alg: "HS256", typ: "JWT" });
function sign(sub) {
  const now = Math.floor(Date.now() / 1000);
  const signed = `${head}.${part({ sub, iat: now, exp: now + 12 * 3600 })}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

/** Users with tokens of their own; client i is in the program `programOf(i)`. Stores and tokens are made once. */
export class Crowd {
  #folder;
  #stores = new Map();

  constructor(clients, programOf = () => "p") {
    this.clients = clients;
    this.programOf = programOf;
  }

  get folder() {
    this.#folder ??= temporaryFolder();
    return this.#folder;
  }

  /** A token a line. */
  get tokens() {
    if (this.tokensFile === undefined) {
      this.tokensFile = join(this.folder, "tokens");
      writeFileSync(this.tokensFile, Array.from({ length: this.clients }, (_, i) => `${sign(`u${i}`)}\n`).join(""));
    }
    return this.tokensFile;
  }

  store(kind) {
    const binary = program("crier");
    const key = kind === "crier" ? binary : kind;
    if (!this.#stores.has(key)) {
      const file = join(this.folder, `store.${this.#stores.size}`);
      const ids = Array.from({ length: this.clients }, (_, i) => `u${i}`);
      const people = {
        users: ids.map((id) => ({ id, name: id, role: "requester", active: true })),
        members: ids.map((userId, i) => ({ programId: this.programOf(i), userId, active: true })),
      };
      writePeople(file, people, kind, binary);
      rmSync(`${file}.import.jsonl`, { force: true });
      this.#stores.set(key, file);
    }
    return this.#stores.get(key);
  }
}

// One thread, since the server has one core; no bound on handshakes, since they are what is measured.
const CRIER = { CRIER_SERVER_WORKERS: "1", CRIER_ENGINE_HANDSHAKES_PER_SECOND: "0", CRIER_LOG_LEVEL: "warning" };

/** Crier as its daemon, with `env` on top and `before` it on the command line. */
export const startCrier = (crowd, { env = {}, before = [], redisUrl } = {}) =>
  startServer({
    kind: "crier",
    command: [...before, program("crier"), "serve"],
    store: crowd.store("crier"),
    core: SERVER_CORE,
    env: { ...CRIER, ...env },
    redisUrl,
  });

/** npm socket.io. */
export const startNode = (crowd) =>
  startServer({ kind: "reference", command: [process.execPath, nodePeer], store: crowd.store("reference"), core: SERVER_CORE });

/** The floor: `batch` POSTs leave together, as many bytes each as Crier's. */
export async function startFloor(crowd, { batch = 1 } = {}) {
  const port = await freePort();
  const command = [program("crier-floor"), "--port", port, "--batch", batch, "--bytes", await eventBytes()].map(String);
  return startServer({ kind: "floor", command, port, store: "none", core: SERVER_CORE });
}

/** The library with an `echo` event. It has no HTTP of its own to ask whether it is ready. */
export async function startEcho() {
  const port = await freePort();
  const options = { kind: "echo", port, store: "none", core: SERVER_CORE, waitReady: false };
  const server = await startServer({ ...options, command: [program("crier-echo"), String(port)] });
  while ((await server.get("/").catch(() => null)) === null) await pause(5);
  return server;
}

/** What is published: crier-load puts the time in. */
export const BODY =
  '{"event":"request:created","requestId":"bench","data":{"now":"{now}"},"performedBy":{"userId":"ben","name":"Ben Okri"}}';

/** How crier-load publishes to `programs` of a server. */
export const publishing = (server, programs = ["p"]) => ({
  publish: programs.map((name) => `${server.url}/api/v1/programs/${name}/events`),
  publish_header: [`Authorization: Bearer ${API_KEY}`, "Content-Type: application/json"],
  publish_body: BODY,
});

/** How it reaches the clients of a crowd. */
export const reaching = (server, crowd) => ({
  url: server.url,
  clients: crowd.clients,
  tokens: crowd.tokens,
  server_pid: server.pid,
});

/** Runs `use` with a server that is ended afterwards, whatever happens. */
export async function during(starting, use) {
  const server = await starting;
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

let bytes;
/** Of the Socket.IO text that Crier makes of BODY; asked of Crier itself. */
function eventBytes() {
  bytes ??= during(startCrier(new Crowd(1)), async (server) => {
    const text = await new Promise((done, fail) => {
      const client = new RawClient(server.port, { token: sign("u0") }, {
        onEvent: done,
        onConnect: () => server.post("p", BODY.replace("{now}", String(process.hrtime.bigint()))).catch(fail),
      });
      client.closed.then(({ error }) => fail(error ?? new Error("the connection closed")));
    });
    return Buffer.byteLength(`42${text}`);
  });
  return bytes;
}
