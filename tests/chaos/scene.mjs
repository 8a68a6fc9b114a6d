// One episode: a Redis, nodes, clients, publishers and memberships, all drawn from a seed; what is done to them; and the
// record of it for the judge.

import { appendFileSync, createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { seeded } from "../e2e/support/exchange.mjs";
import { until } from "../e2e/support/until.mjs";
import { NodeClient, PythonClients } from "./clients.mjs";
import { LINK_FAULTS, NODE_FAULTS, redis_faults, trouble } from "./faults.mjs";
import { Members } from "./members.mjs";
import { Node } from "./nodes.mjs";
import { Publishers } from "./publishers.mjs";
import { now } from "./record.mjs";
import { time_of } from "./report.mjs";
import { Redis } from "./redis.mjs";
import { Relay } from "./relay.mjs";

const PROGRAMS = ["north", "east", "south", "west"];
const PATIENCE = 90_000;
/** Milliseconds between two looks at the clock, and how late one is when the machine is to blame for what follows. */
const WATCHED = 100;
const STARVED = 500;
const HEARTBEAT = { CRIER_ENGINE_PING_INTERVAL: "1s", CRIER_ENGINE_PING_TIMEOUT: "6s" };
/** [library, cursor, via]. */
const CLIENTS = [
  ...["polling", "websocket", "upgrade", "polling", "websocket", "upgrade"].map((via) => ["4.8", "native", via]),
  ...["4.5", "3.1", "python"].flatMap((library) => ["polling", "websocket", "upgrade"].map((via) => [library, "event", via])),
  ...[["4.5", "polling"], ["3.1", "websocket"], ["python", "websocket"], ["python", "polling"]].map(([library, via]) => [library, "session", via]),
  ...[["4.5", "websocket"], ["3.1", "polling"]].map(([library, via]) => [library, "time", via]),
];

const between = (random, least, most) => least + random() * (most - least);

/** What the seed decides before anything runs. */
export function plan_of(seed) {
  const random = seeded(seed);
  const pick = (...list) => list[Math.floor(random() * list.length)];
  return {
    topology: pick("single", "single", "sentinel"),
    keeps: random() < 0.5,
    policy: pick("deliver", "refuse"),
    workers: pick([3, 1], [1, 3], [1, 3, 1], [3, 1, 1]),
    events_max: pick(1000, 1000, 40),
  };
}

export class Scene {
  programs = PROGRAMS;
  fronts = [];
  nodes = [];
  clients = [];
  faults = [];
  problems = [];
  counts = {};
  count = (what) => {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  };

  constructor(seed, folder) {
    Object.assign(this, { seed, folder, plan: plan_of(seed), began: now() });
    mkdirSync(folder, { recursive: true });
  }

  /** The same choices each time, whatever else goes on. */
  stream(name) {
    return seeded([...name].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16_777_619), this.seed ^ 2_166_136_261));
  }

  tell(text) {
    appendFileSync(join(this.folder, "timeline.log"), `${this.time(now())} ${text}\n`);
  }

  time(at) {
    return time_of(this, at);
  }

  problem = (text) => {
    this.tell(`PROBLEM ${text}`);
    this.problems.push(text);
  };

  async open() {
    const { plan } = this;
    this.#watch();
    this.tell(`seed ${this.seed}: ${JSON.stringify(plan)}`);
    this.redis = await Redis.start(this.folder, plan);
    const store = join(this.folder, "store.db");
    this.members = new Members({ store, users: this.#users(), programs: PROGRAMS, random: this.stream("members") });
    await this.#open_nodes(store);
    await this.#open_clients();
    this.publishers = new Publishers({
      ports: this.nodes.map(({ port }) => port),
      programs: PROGRAMS,
      random: this.stream("publishers"),
      run: `${this.seed}-${process.pid}`,
      pace: [30, 250],
      tries_max: 25,
    });
    await this.connected();
    this.tell("everybody is connected");
  }

  /** A machine that lets nobody run for a while is a fault like others: nodes lose Redis then. */
  #watch() {
    let last = now();
    this.watch = setInterval(() => {
      const late = now() - last - WATCHED;
      if (late > STARVED) {
        this.faults.push({ kind: "starved", history: true, gaps: true, began: last, ended: now() });
        this.count("starved");
        this.tell(`nothing ran for ${Math.round(late)} ms`);
      }
      last = now();
    }, WATCHED);
  }

  #users() {
    return Array.from({ length: 8 }, (_, i) => ({
      id: `user-${i}`,
      programs: PROGRAMS.filter((_, p) => (i + p) % PROGRAMS.length < 3),
      moves: i % 4 === 3,
    }));
  }

  async #open_nodes(store) {
    const { plan, redis, folder, problem, count } = this;
    const env = {
      ...HEARTBEAT,
      CRIER_HISTORY_OUTAGE_POLICY: plan.policy,
      CRIER_HISTORY_EVENTS_MAX: String(plan.events_max),
      CRIER_LOG_LEVEL: "debug",
    };
    const random = this.stream("link fates");
    const fate = () => this.#fate(random, 0.15, 200_000);
    for (const [i, workers] of plan.workers.entries()) {
      const count_link = (what) => count(`link ${what}`);
      this.nodes.push(await Node.make({ name: `node-${i}`, workers, store, redis, env, folder, fate, count: count_link, problem }));
    }
    await Promise.all(this.nodes.map((node) => node.start()));
    await Promise.all(this.nodes.map((node) => node.ready()));
  }

  #fate(random, chance, bytes) {
    if (!this.breaking || random() > chance) return undefined;
    const kinds = ["reset", "reset", "half_near", "half_far", "stall"];
    return { after: Math.floor(between(random, 1, bytes)), what: kinds[Math.floor(random() * kinds.length)] };
  }

  async #open_clients() {
    const random = this.stream("client fates");
    const fate = () => this.#fate(random, 0.4, random() < 0.5 ? 3000 : 40_000);
    const targets = this.nodes.map(({ port }) => port);
    this.python = PythonClients.start(createWriteStream(join(this.folder, "python.log")));
    for (const [i, [library, cursor, via]] of CLIENTS.entries()) {
      const front = await Relay.open(targets, { chosen: i % targets.length, roams: true, fate, count: this.count });
      this.fronts.push(front);
      const options = { name: `${i}-${library}-${cursor}-${via}`, user: `user-${i % 8}`, library, cursor, via };
      const client = library === "python" ? this.python.add(options) : new NodeClient(options);
      this.clients.push(client);
      client.open(`http://127.0.0.1:${front.port}`);
    }
  }

  /** Until every client is there and has had its catchup. */
  async connected() {
    const there = (client) => client.connected && client.caught_up;
    await until(() => this.clients.every(there), {
      within: PATIENCE,
      every: 50,
      what: () => `${this.clients.filter((client) => !there(client)).map(({ name }) => name)} to connect`,
    });
  }

  /** Breaks things for so many milliseconds: at first all but Redis, then Redis too. */
  async rampage(milliseconds) {
    const end = now() + milliseconds;
    const calm = now() + milliseconds * 0.4;
    this.breaking = true;
    this.publishers.start();
    this.members.start([300, 2500]);
    await Promise.all([
      this.#troubles(end),
      this.#lane("nodes", { ...NODE_FAULTS }, end, 0),
      this.#lane("links", LINK_FAULTS, end, milliseconds * 0.4),
      this.#lane("redis", redis_faults(this.plan), end, milliseconds * 0.4),
    ]);
    this.calm = calm;
    this.breaking = false;
  }

  async #troubles(end) {
    const random = this.stream("troubles");
    while (now() < end) {
      await pause(between(random, 30, 350));
      trouble(this, random);
    }
  }

  /** Each kind by turns, in a new order each round. */
  async #lane(name, kinds, end, wait) {
    const random = this.stream(name);
    await pause(wait);
    while (now() < end) {
      const round = Object.keys(kinds).map((kind) => [random(), kind]).sort(([a], [b]) => a - b);
      for (const [, kind] of round) {
        if (now() >= end) break;
        await this.#do(kind, kinds[kind], random);
        await pause(between(random, 100, 1200));
      }
    }
  }

  async #do(kind, { flags, run }, random) {
    const fault = { kind, ...flags, began: now(), ended: Infinity };
    this.faults.push(fault);
    this.count(kind);
    try {
      await run(this, random, (text) => this.tell(text));
    } catch (error) {
      this.problem(`${kind}: ${error.message}`);
    }
    fault.ended = now();
    this.tell(`${kind} is over`);
  }

  /** Mends everything, waits for quiet, publishes last events and waits until everybody has them. */
  async settle() {
    this.tell("settling");
    for (const relay of [...this.fronts, ...this.nodes.flatMap(({ links }) => links)]) relay.mend();
    await this.members.finish();
    await this.publishers.finish();
    await Promise.all(this.nodes.map((node) => node.ready()));
    await this.#quiet();
    for (let round = 0; round < 2; round += 1) {
      await Promise.all(PROGRAMS.map((program) => this.publishers.next(program, 200)));
      await this.#all_have_the_last().catch(() => this.tell("not everyone has the last events"));
    }
    await this.#quiet();
    this.tell("settled");
  }

  async #quiet() {
    // Who has not come back in all that time is not waited for again; the judge says so.
    if (this.incomplete) return;
    await this.connected().catch((error) => {
      this.incomplete = true;
      this.problem(error.message);
    });
    const latest = () => Math.max(...this.clients.map(({ log }) => log.at(-1).at));
    await until(() => now() - latest() > 2500, { within: PATIENCE, every: 100, what: () => "quiet" }).catch((error) => this.problem(error.message));
    if (!this.incomplete) await this.connected().catch((error) => this.problem(error.message));
  }

  #all_have_the_last() {
    const last = new Map(this.publishers.publications.map(({ program, n }) => [program, n]));
    const has = (client) => !client.connected || PROGRAMS.every((program) => !this.#sees(client, program) || client.last(program) === last.get(program));
    return until(() => this.clients.every(has), { within: 30_000, every: 50 });
  }

  /** A client whose memberships did not move is owed its programs' last events. */
  #sees({ user }, program) {
    const changed = this.members.changes.some((change) => change.user === user && change.began > -Infinity);
    return !changed && this.members.active(user, program);
  }

  record() {
    return {
      began: this.began,
      policy: this.plan.policy,
      events_max: this.plan.events_max,
      timestamp_max: 50,
      publications: this.publishers.publications,
      memberships: this.members.changes,
      faults: this.faults,
      clients: this.clients.map(({ name, user, library, cursor, log }) => ({ name, user, library, cursor, log })),
    };
  }

  async close() {
    clearInterval(this.watch);
    this.publishers?.close();
    for (const client of this.clients) client.close();
    for (const front of this.fronts) front.close();
    await Promise.all(this.nodes.map((node) => node.stop()));
    await this.python?.stop();
    await this.redis?.stop();
  }
}
