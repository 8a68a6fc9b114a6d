// Official clients with an application behind each that writes down what its handlers see.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { io as io_3_1 } from "socket.io-client-3.1";
import { io as io_4_5 } from "socket.io-client-4.5";
import { io as io_4_8 } from "socket.io-client-4.8";
import { TRANSPORTS } from "../e2e/support/client.mjs";
import { leash, repository, tokenFor } from "../e2e/support/server.mjs";
import { now, parse_id } from "./record.mjs";

const VERSIONS = { 3.1: io_3_1, 4.5: io_4_5, 4.8: io_4_8 };
export const PYTHON = join(repository, "build/chaos-python/bin/python");

/** What of an event's arguments the judge needs. */
function entry_of(event, [body, id]) {
  if (event === "catchup") {
    const { recovered, programs, others, changed } = body;
    return { kind: "catchup", recovered, programs, others, changed, id };
  }
  const n = Number(body.requestId.split(":").at(-1));
  return { kind: "event", program: body.programId, n, id, time: Date.parse(body.timestamp) };
}

class Client {
  log = [];

  constructor({ name, user, cursor, via, library }) {
    Object.assign(this, { name, user, cursor, via, library });
  }

  note(kind, what = {}, at = now()) {
    this.log.push({ at, kind, ...what });
  }

  get connected() {
    const last = this.log.findLast(({ kind }) => kind === "connect" || kind === "disconnect" || kind === "refused");
    return last?.kind === "connect";
  }

  get caught_up() {
    return this.log.findLast(({ kind }) => kind === "catchup" || kind === "connect")?.kind === "catchup";
  }

  last(program) {
    return this.log.findLast((entry) => entry.program === program)?.n;
  }
}

/**
 * socket.io-client. Those that have no recovery of their own give the id, or the time, of what was handled last. It moves on
 * when a catchup was heard: what came before it is sent again if the connection ends first, and its verdicts with it.
 */
export class NodeClient extends Client {
  open(url) {
    const token = tokenFor(this.user, { expiresIn: "10h" });
    const given = { lastEventId: undefined, lastEventTimestamp: undefined };
    const auths = {
      native: { token },
      session: { token, session: this.name },
      event: (answer) => answer({ token, lastEventId: given.lastEventId }),
      time: (answer) => answer({ token, lastEventTimestamp: given.lastEventTimestamp }),
    };
    this.note("opening");
    this.socket = VERSIONS[this.library](url, {
      forceNew: true,
      transports: TRANSPORTS[this.via],
      reconnectionDelay: 20,
      reconnectionDelayMax: 500,
      // A connection that closes before its first packet counts as opening until then.
      timeout: 8000,
      auth: auths[this.cursor],
    });
    this.#listen(given);
  }

  #listen(given) {
    const { socket } = this;
    let replayed = [];
    socket.on("connect", () => {
      replayed = [];
      this.note("connect", { recovered: socket.recovered === true });
    });
    socket.on("disconnect", (reason) => this.note("disconnect", { reason }));
    socket.on("connect_error", (error) => {
      // An error of the server (CONNECT_ERROR) is final, one of the transport is not.
      if (error.data?.code) this.note("refused", { message: error.message, code: error.data.code });
    });
    socket.onAny((event, ...args) => {
      const entry = entry_of(event, args);
      this.note(entry.kind, entry);
      replayed?.push(entry);
      if (entry.kind !== "catchup" && replayed) return;
      for (const { kind, id, time } of replayed ?? [entry]) {
        if (parse_id(id)) given.lastEventId = id;
        if (kind === "event") given.lastEventTimestamp = Math.max(given.lastEventTimestamp ?? 0, time);
      }
      replayed = null;
    });
  }

  close() {
    this.socket.disconnect();
  }
}

/** python-socketio: all of them in one process, which tells what their handlers see line by line. */
export class PythonClients {
  #clients = new Map();

  /** `file`: a stream for what the process says of itself. */
  static start(file) {
    const python = new PythonClients();
    const script = join(dirname(fileURLToPath(import.meta.url)), "client.py");
    python.child = leash(spawn(PYTHON, ["-u", script], { stdio: ["pipe", "pipe", "pipe"] }));
    python.child.stdin.on("error", () => {});
    python.child.stderr.pipe(file);
    createInterface({ input: python.child.stdout }).on("line", (line) => python.#hear(JSON.parse(line)));
    return python;
  }

  #hear({ client, at, event, args, ...rest }) {
    const entry = event === undefined ? rest : entry_of(event, args);
    this.#clients.get(client).note(entry.kind, entry, at);
  }

  add(options) {
    const client = new Client({ ...options, library: "python" });
    this.#clients.set(client.name, client);
    client.open = (url) => {
      const { name, user, cursor, via } = client;
      const token = tokenFor(user, { expiresIn: "10h" });
      client.note("opening");
      this.child.stdin.write(`${JSON.stringify({ client: name, url, token, cursor, transports: TRANSPORTS[via] })}\n`);
    };
    client.close = () => {};
    return client;
  }

  async stop() {
    this.child.stdin.end();
    if (this.child.exitCode === null) await once(this.child, "exit");
  }
}
