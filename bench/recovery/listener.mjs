// The official client, unmodified, of any version, behind a link of its own. It writes down what it gets and what it is told.

import { io as newest } from "socket.io-client";
import { tokenFor } from "../../tests/e2e/support/server.mjs";
import { until } from "../../tests/e2e/support/until.mjs";
import { Link } from "./link.mjs";

export class Listener {
  /** {n, program, connection} of each event in the order of arrival. */
  got = [];
  /** `socket.recovered` of each CONNECT reply. */
  recovered = [];
  /** The last `catchup`. */
  catchup = null;
  closes = [];

  /**
   * `cursor`: what another one's `cursor` said; this one then comes back in its place. `io`: another version's;
   * `keeps`: "lastEventId" in an `auth` that is asked for at each connection, or a "session" in a constant one.
   */
  static async connect(system, user, { cursor, io = newest, keeps, ...options } = {}) {
    const listener = new Listener();
    listener.user = user;
    listener.link = await Link.to(system.port);
    listener.socket = io(listener.link.url, {
      forceNew: true,
      transports: ["websocket"],
      reconnectionDelay: 50,
      reconnectionDelayMax: 100,
      randomizationFactor: 0,
      auth: listener.#auth(keeps),
      ...options,
    });
    const { socket } = listener;
    if (cursor) [socket._pid, socket._lastOffset] = [cursor.pid, cursor.offset];
    socket.on("connect", () => {
      listener.recovered.push(socket.recovered);
      listener.catchup = null; // Until it comes the cursor stays where it is.
    });
    socket.on("disconnect", (reason) => listener.closes.push(reason));
    socket.onAny((event, first, ...more) => {
      if (event === "catchup") listener.catchup = first;
      if (listener.catchup && typeof more.at(-1) === "string") listener.#lastId = more.at(-1);
      if (event === "catchup") return;
      listener.got.push({ n: first?.requestId ?? first, program: first?.programId, connection: listener.recovered.length });
    });
    await listener.connected();
    return listener;
  }

  #lastId;

  #auth(keeps) {
    const token = tokenFor(this.user);
    if (keeps === "session") return { token, session: `${this.user}'s only page` };
    return keeps === "lastEventId" ? (give) => give({ token, lastEventId: this.#lastId }) : { token };
  }

  /** Until the `count`-th CONNECT reply. */
  async connected(count = 1, within = 20_000) {
    await until(() => this.recovered.length >= count, { within, every: 1, what: () => `${this.user} to connect` });
  }

  async received(n, within = 10_000) {
    await until(() => this.got.some((event) => event.n === String(n)), { within, every: 1, what: () => `event ${n}` });
  }

  /** What the client would send if it came back now. */
  get cursor() {
    return { pid: this.socket._pid, offset: this.socket._lastOffset };
  }

  /** Loses the connection and stays away until the function that it returns is called. */
  leave() {
    this.link.refuse();
    return () => this.link.accept();
  }

  /** Each verdict of the last `catchup` once; none if none came. */
  get verdicts() {
    const { programs = {}, others } = this.catchup ?? {};
    return [...new Set([...Object.values(programs), ...(others ? [others] : [])])];
  }

  /** What the last CONNECT reply told, and `catchup` if it came: "`recovered: false`, `gap`". */
  get told() {
    const verdicts = this.verdicts.filter((verdict) => verdict !== "recovered");
    return [`recovered: ${this.recovered.at(-1)}`, ...verdicts].map((word) => `\`${word}\``).join(", ");
  }

  close() {
    this.socket.disconnect();
    this.link.close();
  }
}

/** How `got` differs from the numbers of `owed`, which count from 1; what has none is passed over. */
export function compare(owed, got) {
  const times = new Map();
  let disordered = 0;
  let highest = -Infinity;
  for (const { n } of got) {
    const number = Number(n);
    if (!(number > 0)) continue;
    times.set(number, (times.get(number) ?? 0) + 1);
    if (number < highest) disordered += 1;
    highest = Math.max(highest, number);
  }
  return {
    owed: owed.length,
    lost: owed.filter((n) => !times.has(n)).length,
    twice: owed.filter((n) => times.get(n) > 1).length,
    disordered,
  };
}

/** What was lost, repeated or disordered, in words. */
export function faults({ owed, lost, twice, disordered }) {
  return [
    `${lost} of ${owed} lost`,
    ...(twice > 0 ? [`${twice} twice`] : []),
    ...(disordered > 0 ? [`${disordered} out of order`] : []),
  ].join(", ");
}

/** One cell: the events that `client` lost, and the verdict that it got. */
export function sentence(result, client) {
  const { lost } = result;
  return `${faults(result)};${lost > 0 && client.recovered.at(-1) ? " **untold**:" : ""} ${client.told}`;
}
