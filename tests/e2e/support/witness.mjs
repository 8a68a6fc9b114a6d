// An official client that writes down what its handlers see, and the check of what it saw against the promise: each
// program's numbers in order, each once, none left out, unless the client was told.

import { io } from "socket.io-client";
import { TRANSPORTS } from "./client.mjs";
import { tokenFor } from "./server.mjs";

export class Witness {
  /** {at, kind: "connect", recovered} · {kind: "event", program, n, id} · {kind: "catchup", recovered, programs} · {kind: "disconnect", reason} · {kind: "refused", message} */
  log = [];

  constructor(url, { name, user, programs, via }) {
    Object.assign(this, { name, user, programs, via });
    this.socket = io(url, {
      forceNew: true,
      transports: TRANSPORTS[via],
      reconnectionDelay: 20,
      reconnectionDelayMax: 400,
      // A connection that closes before its first packet counts as opening until then.
      timeout: 1500,
      auth: { token: tokenFor(user, { expiresIn: "1h" }) },
    });
    const note = (kind, what) => this.log.push({ at: performance.now(), kind, ...what });
    this.socket.on("connect", () => note("connect", { recovered: this.socket.recovered === true }));
    this.socket.on("disconnect", (reason) => note("disconnect", { reason }));
    this.socket.on("connect_error", (error) => {
      if (!this.socket.active) note("refused", { message: error.message, code: error.data?.code });
    });
    this.socket.onAny((event, body, id) => {
      if (event === "catchup") {
        note("catchup", { recovered: body.recovered, programs: body.programs });
        return;
      }
      note("event", { program: body.programId, n: Number(body.requestId.split(":").at(-1)), id });
    });
  }

  /** The number of the program's last event that was seen. */
  last(program) {
    return this.log.findLast((entry) => entry.program === program)?.n;
  }

  close() {
    this.socket.disconnect();
  }
}

/**
 * The breaches in what `witness` ({log, programs}) saw: [{index, program, text}]. `accepted`: program → [{n, id}], all
 * that was published. `verdicts`: those that may come. An event that was accepted without being kept (id null)
 * may be missing if the client is told at any later time.
 */
export function breaches({ log, programs }, accepted, { verdicts = ["recovered", "reset"] } = {}) {
  return new Check(programs, accepted, verdicts).run(log);
}

class Check {
  #found = [];
  #connection = null;
  #gids = new Map();
  #unnumbered = new Set();

  constructor(programs, accepted, verdicts) {
    this.programs = programs;
    this.accepted = accepted;
    this.verdicts = verdicts;
    // `told`: the next event may be any later one; `toldAt`: what was published before is not owed. `debts`: unnumbered
    // events that were not seen.
    this.states = new Map(programs.map((program) => [program, { last: 0, told: true, toldAt: 0, debts: [], holes: [] }]));
  }

  run(log) {
    for (const { kind, program, n, id } of log) {
      if (kind === "event" && id == null) this.#unnumbered.add(`${program}:${n}`);
    }
    log.forEach((entry, index) => this[entry.kind](entry, index));
    const end = log.length;
    for (const [program, state] of this.states) {
      const missing = this.#owed(state, program, state.last + 1, this.accepted.get(program).length);
      if (missing.length > 0 && !state.told) this.#breach(end, program, `never saw ${list(missing)}`);
      if (state.debts.length > 0) this.#breach(end, program, `was not told of ${list(state.debts)}, which was not kept`);
    }
    if (!this.#connection) this.#breach(end, null, "is not connected at the end");
    else if (!this.#connection.noticed) this.#breach(end, null, "got no catchup on its last connection");
    return this.#found;
  }

  connect({ recovered, at = 0 }, index) {
    const first = this.#connection === null;
    if (first && recovered) this.#breach(index, null, "the first connection was recovered");
    this.#connection = { recovered, noticed: first };
    for (const state of this.states.values()) {
      state.holes = [];
      if (recovered) continue;
      state.before = { last: state.last, told: state.told, toldAt: state.toldAt, debts: state.debts };
      state.toldAt = at;
      state.first = undefined;
      state.told = true;
      state.debts = [];
    }
  }

  event({ program, n, id }, index) {
    const state = this.states.get(program);
    const published = this.accepted.get(program)?.[n - 1];
    if (!state) return this.#breach(index, program, `got ${n}, but is not a member`);
    if (!published) return this.#breach(index, program, `got ${n}, which nobody published`);
    if (published.id === null) return;
    if (id !== published.id) this.#breach(index, program, `got ${n} with id ${id}, published as ${published.id}`);
    this.#order(id, index, program, n);
    if (n <= state.last) return this.#breach(index, program, `got ${n} again or late, after ${state.last}`);
    const missing = this.#owed(state, program, state.last + 1, n - 1);
    if (missing.length > 0 && !state.told) this.#hole(state, index, program, `got ${n} without ${list(missing)}`);
    if (!state.told) state.debts.push(...this.#unseen(state, program, state.last + 1, n - 1));
    state.first ??= n;
    state.told = false;
    state.last = n;
  }

  catchup({ recovered, programs }, index) {
    const connection = this.#connection;
    connection.noticed = true;
    if (recovered !== connection.recovered) {
      this.#breach(index, null, `socket.recovered is ${connection.recovered}, catchup says ${recovered}`);
    }
    for (const [program, state] of this.states) {
      const verdict = programs[program];
      if (!this.verdicts.includes(verdict)) this.#breach(index, program, `catchup says ${verdict}`);
      if (verdict === "recovered") this.#provenWhole(state, index, program);
      else if (connection.recovered) this.#breach(index, program, `is recovered, but catchup says ${verdict}`);
      state.holes = [];
    }
  }

  disconnect({ reason }, index) {
    if (reason === "io server disconnect") this.#breach(index, null, "was told by packet 41 not to come back");
  }

  refused({ message, code }, index) {
    this.#breach(index, null, `was refused for good: ${message} (${code})`);
  }

  // Not recovered as a whole, but this program was: then nothing of it may be missing.
  #provenWhole(state, index, program) {
    if (this.#connection.recovered) return;
    this.#found.push(...state.holes);
    state.toldAt = state.before.toldAt;
    state.debts.push(...state.before.debts);
    if (state.before.told) return;
    if (state.first === undefined) {
      state.told = false;
      return;
    }
    const missing = this.#owed(state, program, state.before.last + 1, state.first - 1);
    if (missing.length > 0) this.#breach(index, program, `catchup says recovered, but ${list(missing)} did not come`);
  }

  // Before the verdict of a connection that is not recovered, it is open whether the client will be told.
  #hole(state, index, program, text) {
    if (this.#connection.noticed || this.#connection.recovered) this.#breach(index, program, text);
    else state.holes.push({ index, program, text });
  }

  #order(id, index, program, n) {
    const [epoch, gid] = id.split(".");
    const number = BigInt(gid);
    if (number <= (this.#gids.get(epoch) ?? 0n)) this.#breach(index, program, `${n} (${id}) came out of order`);
    this.#gids.set(epoch, number);
  }

  #between(program, from, to) {
    return this.accepted.get(program).slice(from - 1, Math.max(from - 1, to));
  }

  /** Whoever was told that it is not recovered loads what was published until then. */
  #owed({ toldAt }, program, from, to) {
    return this.#between(program, from, to)
      .filter(({ id, began = Infinity }) => id !== null && began > toldAt)
      .map(({ n }) => n);
  }

  /** Accepted without being kept, and not seen at any time. */
  #unseen({ toldAt }, program, from, to) {
    return this.#between(program, from, to)
      .filter(({ n, id, began = Infinity }) => id === null && began > toldAt && !this.#unnumbered.has(`${program}:${n}`))
      .map(({ n }) => n);
  }

  #breach(index, program, text) {
    this.#found.push({ index, program, text });
  }
}

function list(numbers) {
  return numbers.length <= 4 ? numbers.join(", ") : `${numbers[0]} … ${numbers.at(-1)} (${numbers.length})`;
}
