// Starts the server under test, with its own port and store, and speaks to it over HTTP.
// CRIER_E2E_TARGET=reference runs npm socket.io with the original's logic instead of Crier.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import jwt from "jsonwebtoken";
import { exchange } from "./exchange.mjs";
import { until } from "./until.mjs";

const here = dirname(fileURLToPath(import.meta.url));
export const repository = resolve(here, "../../..");
export const crierBinary = resolve(process.env.CRIER_BIN ?? join(repository, "build/release/bin/crier"));
export const target = process.env.CRIER_E2E_TARGET ?? "crier";
/** For `skip`: the reason where the original makes no such promise; CRIER_E2E_ALL=1 shows it fail. */
export const crierOnly =
  target === "crier" || process.env.CRIER_E2E_ALL === "1" ? false : "a promise that the reference does not make";
export const full = process.env.CRIER_E2E_FULL === "1";

export const SECRET = "end-to-end-secret-of-32-bytes-or-more";
export const API_KEY = "end-to-end-api-key-of-32-bytes-or-more";

/** alpha: ada, ben; beta: ben, cleo; gamma: ben. dora is inactive, eve's membership of alpha is. */
export const PEOPLE = {
  users: [
    { id: "ada", name: "Ada Byron", role: "requester", active: true },
    { id: "ben", name: "Ben Okri", role: "approver", active: true },
    { id: "cleo", name: "Cleo Sol", role: "requester", active: true },
    { id: "dora", name: "Dora Maar", role: "requester", active: false },
    { id: "eve", name: "Eve Babitz", role: "requester", active: true },
  ],
  members: [
    { programId: "alpha", userId: "ada", active: true },
    { programId: "alpha", userId: "ben", active: true },
    { programId: "beta", userId: "ben", active: true },
    { programId: "beta", userId: "cleo", active: true },
    { programId: "gamma", userId: "ben", active: true },
    { programId: "alpha", userId: "dora", active: true },
    { programId: "alpha", userId: "eve", active: false },
    { programId: "beta", userId: "eve", active: true },
  ],
};

export function tokenFor(userId, options = {}) {
  return jwt.sign({}, SECRET, { subject: userId, expiresIn: "15m", ...options });
}

export async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

const folders = [];
const children = new Set();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export function temporaryFolder() {
  folders.push(mkdtempSync(join(tmpdir(), "crier-e2e-")));
  return folders.at(-1);
}

/** The child does not outlive this process. */
export function leash(child) {
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

function runOnce(binary, args) {
  const { status, stdout, stderr, error } = spawnSync(binary, args, { encoding: "utf8" });
  if (error) throw error;
  if (status !== 0) throw new Error(`crier ${args.join(" ")}: exit ${status}\n${stdout}${stderr}`);
  return stdout;
}

/** Runs `crier` once and returns what it printed; throws if it fails. */
export const crier = (...args) => runOnce(crierBinary, args);

/** Writes users and memberships where the server under test looks for them; with `binary`, in the schema of that build. */
export function writePeople(store, people, kind = target, binary = crierBinary) {
  if (kind === "reference") {
    writeFileSync(store, JSON.stringify(people));
    return;
  }
  const lines = [
    ...people.users.map((user) => JSON.stringify({ user })),
    ...people.members.map((member) => JSON.stringify({ member })),
  ];
  const file = `${store}.import.jsonl`;
  writeFileSync(file, `${lines.join("\n")}\n`);
  runOnce(binary, ["import", file, "--store", store]);
}

/**
 * A running server. `options`: people, redisUrl, dev, workers (the daemon's default: one), env, tls ({certificate, key, ca}: files), store (an existing store's path; nothing is
 * written to it), port, core (to pin it to), waitReady (default true), kind ("crier" or "reference"),
 * command (what to run instead of either, with its arguments).
 */
export async function startServer(options = {}) {
  const kind = options.kind ?? target;
  const port = options.port ?? (await freePort());
  const folder = temporaryFolder();
  const store = options.store ?? join(folder, "store.db");
  if (!options.store) writePeople(store, options.people ?? PEOPLE, kind);
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    PORT: String(port),
    JWT_ACCESS_SECRET: SECRET,
    CLIENT_URL: "http://localhost:5173",
    CRIER_API_KEY: API_KEY,
    CRIER_STORE: store,
    ...(options.redisUrl ? { REDIS_URL: options.redisUrl } : {}),
    ...(options.workers ? { CRIER_SERVER_WORKERS: String(options.workers) } : {}),
    ...(options.tls ? { CRIER_TLS_CERTIFICATE_FILE: options.tls.certificate, CRIER_TLS_KEY_FILE: options.tls.key } : {}),
    ...options.env,
  };
  const dev = options.dev ? ["--dev"] : [];
  const [command, ...args] =
    options.command ??
    (kind === "reference"
      ? [process.execPath, join(here, "../reference/server.mjs"), ...dev]
      : [crierBinary, "serve", ...dev]);
  if (!existsSync(command)) throw new Error(`no server at ${command}: build it, or set CRIER_BIN`);
  const pinned =
    options.core === undefined ? [command, args] : ["taskset", ["-c", String(options.core), command, ...args]];
  const child = leash(spawn(pinned[0], pinned[1], { env, cwd: folder, stdio: ["ignore", "pipe", "pipe"] }));
  const server = new RunningServer(kind, child, port, store, options.tls);
  if (options.waitReady !== false) {
    await until(
      async () => {
        if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}\n${server.log}`);
        return (await server.get("/readyz").catch(() => null))?.status === 200;
      },
      { what: () => `/readyz to answer 200\n${server.log}` },
    );
  }
  return server;
}

class RunningServer {
  log = "";
  #published = 0;
  #agent;
  #protocol;

  constructor(kind, child, port, store, tls) {
    this.#protocol = tls ? https : http;
    this.#agent = new this.#protocol.Agent({ keepAlive: true, maxSockets: 64, ...(tls && { ca: readFileSync(tls.ca) }) });

    this.kind = kind;
    this.child = child;
    this.pid = child.pid;
    this.port = port;
    this.store = store;
    this.url = `${tls ? "https" : "http"}://127.0.0.1:${port}`;
    this.exit = new Promise((done) => child.once("exit", (code, signal) => done({ code, signal })));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        this.log = (this.log + text).slice(-20_000);
      });
    }
  }

  /** Waits, as a time of a history's first two seconds may be of one before it, and is a gap. */
  async outlivesItsBeginning() {
    if (this.kind === "reference") return;
    const { timestamp } = await this.publish("nobody", "the first of all");
    await until(() => Date.now() > Date.parse(timestamp) + 2_100, { every: 50 });
  }

  /** → {status, headers, text, json} */
  request(method, path, { headers = {}, body, agent = this.#agent } = {}) {
    return new Promise((done, fail) => {
      const req = this.#protocol.request(
        { host: "127.0.0.1", port: this.port, method, path, headers, agent },
        (res) => {
          const chunks = [];
          res.on("data", (chunk) => chunks.push(chunk));
          res.on("error", fail);
          res.on("end", () => {
            const text = Buffer.concat(chunks).toString("utf8");
            done({
              status: res.statusCode,
              headers: res.headers,
              text,
              get json() {
                return JSON.parse(text);
              },
            });
          });
        },
      );
      req.on("error", fail);
      req.end(body);
    });
  }

  get(path) {
    return this.request("GET", path);
  }

  /** One POST to the publish API, whatever it answers. */
  post(program, body, headers = {}) {
    const text = typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    return this.request("POST", `/api/v1/programs/${encodeURIComponent(program)}/events`, {
      headers: {
        authorization: `Bearer ${API_KEY}`,
        "content-type": "application/json",
        "content-length": Buffer.byteLength(text),
        ...headers,
      },
      body: text,
    });
  }

  /** Publishes and returns the 202's body; throws at any other answer. */
  async publish(program, requestId, { event = "request:created", data = {} } = {}) {
    // The reference keeps an order only between events of different milliseconds.
    if (this.kind === "reference") await until(() => Date.now() > this.#published, { every: 1 });
    const answer = await this.post(program, publication(requestId, { event, data }));
    if (answer.status !== 202) throw new Error(`publish: ${answer.status} ${answer.text}`);
    this.#published = Date.parse(answer.json.timestamp);
    return answer.json;
  }

  /** Publishes them all in one write on one connection, as fast as it gets; the 202's bodies in order. */
  async publishTogether(program, requestIds, data = {}) {
    const requests = requestIds.map((requestId) => {
      const body = JSON.stringify(publication(requestId, { data }));
      return (
        `POST /api/v1/programs/${encodeURIComponent(program)}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${API_KEY}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
      );
    });
    const bodies = (text) => text.match(/\{"id":[^{}]*\}/g) ?? [];
    const { text } = await exchange(this.port, [requests.join("")], {
      done: (bytes) => bodies(bytes.toString("latin1")).length === requestIds.length,
    });
    const answers = bodies(text);
    if (answers.length !== requestIds.length) throw new Error(`${answers.length} of ${requestIds.length}: ${text.slice(0, 300)}`);
    return answers.map((answer, i) => ({ requestId: requestIds[i], ...JSON.parse(answer) }));
  }

  signal(name) {
    this.child.kill(name);
  }

  /** How the process ended: {code, signal}; throws if it goes on for `within` ms. */
  async ended(within = 20_000) {
    let result;
    this.exit.then((value) => {
      result = value;
    });
    return until(() => result, { within, what: () => `the server to end\n${this.log}` });
  }

  /** Ends the server and waits for it. */
  async stop(signal = "SIGKILL") {
    this.child.kill(signal);
    const result = await this.ended();
    this.#agent.destroy();
    return result;
  }
}

export function publication(requestId, { event = "request:created", data = {} } = {}) {
  return { event, requestId, data, performedBy: { userId: "ben", name: "Ben Okri" } };
}
