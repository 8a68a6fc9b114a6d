// Official clients that write down everything they receive.

import { io } from "socket.io-client";
import { tokenFor } from "./server.mjs";
import { until } from "./until.mjs";

/** The three ways a client reaches a server. */
export const TRANSPORTS = {
  polling: ["polling"],
  websocket: ["websocket"],
  upgrade: ["polling", "websocket"],
};

const opened = new Set();

/**
 * A client for `user` (or with the given `auth`). `seen` holds {event, envelope, id, connection}, where
 * `connection` counts CONNECT replies; `notices` what came as `catchup`; `refusals` the CONNECT_ERRORs of
 * the server; `closes` the reasons of each disconnect.
 */
export class Client {
  seen = [];
  notices = [];
  refusals = [];
  closes = [];
  errors = [];
  connections = 0;

  constructor(server, { user, auth, via = "websocket", path = "/", lastEventTimestamp, ...options } = {}) {
    this.user = user;
    this.via = via;
    this.socket = io(server.url + path, {
      forceNew: true,
      transports: TRANSPORTS[via],
      reconnectionDelay: 20,
      reconnectionDelayMax: 200,
      auth: auth ?? { token: tokenFor(user), ...(lastEventTimestamp === undefined ? {} : { lastEventTimestamp }) },
      ...options,
    });
    opened.add(this);
    this.socket.on("connect", () => {
      this.connections += 1;
    });
    this.socket.on("connect_error", (error) => {
      // An error of the server (CONNECT_ERROR) makes the socket inactive; one of the transport does not.
      (this.socket.active ? this.errors : this.refusals).push(error);
    });
    this.socket.on("disconnect", (reason) => this.closes.push(reason));
    this.socket.onAny((event, ...args) => {
      if (event === "catchup") this.notices.push(args[0]);
      else this.seen.push({ event, envelope: args[0], id: args[1], connection: this.connections, at: performance.now() });
    });
  }

  get requestIds() {
    return this.seen.map(({ envelope }) => envelope.requestId);
  }

  /** The cursor that the original's front end keeps. */
  get lastTimestamp() {
    return Date.parse(this.seen.at(-1).envelope.timestamp);
  }

  async connected(count = 1) {
    await until(() => {
      if (this.refusals.length > 0) throw new Error(`refused: ${this.refusals[0].message}`);
      return this.connections >= count && this.socket.connected;
    }, { what: () => `${this.user} to connect over ${this.via} (${this.errors.at(-1)?.message ?? "no error"})` });
    if (this.via === "upgrade") {
      await until(() => this.transport === "websocket", { what: () => `${this.user} to upgrade` });
    }
    return this;
  }

  /** What the latest `catchup` says, once there have been so many. */
  async notice(count = 1) {
    await until(() => this.notices.length >= count, { what: () => `${this.user} to get its catchup` });
    return this.notices.at(-1);
  }

  /** The private id that the official client keeps for its recovery. */
  get pid() {
    return this.socket._pid;
  }

  get transport() {
    return this.socket.io.engine?.transport.name;
  }

  async refused() {
    return until(() => this.refusals[0], { what: () => "a CONNECT_ERROR" });
  }

  /** Until the event with this request id is here; returns it. */
  async received(requestId, within = 10_000) {
    return until(() => this.seen.find(({ envelope }) => envelope.requestId === requestId), {
      within,
      what: () => `${this.user} to receive ${requestId}; has ${this.seen.length}, last ${this.requestIds.at(-1)}`,
    });
  }

  close() {
    opened.delete(this);
    this.socket.disconnect();
    this.socket.io._close?.();
  }
}

export async function connect(server, options) {
  const client = new Client(server, options);
  return client.connected();
}

/** For `afterEach`: nothing of a failed test stays open. */
export function closeClients() {
  for (const client of [...opened]) client.close();
}
