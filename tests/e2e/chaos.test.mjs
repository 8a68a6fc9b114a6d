// Two daemons, one Redis, many official clients, and everything breaks. What each client's handlers saw is then held
// against the promise: every event of its programs once and in order, or it was told that not.
//
// CRIER_CHAOS_SEED repeats the choices of a run (not its timing); CRIER_CHAOS_SECONDS is for how long things break.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { join } from "node:path";
import { seeded } from "./support/exchange.mjs";
import { Front } from "./support/front.mjs";
import { Numbers } from "./support/numbers.mjs";
import { Redis } from "./support/redis.mjs";
import { crierOnly, freePort, full, startServer, temporaryFolder, writePeople } from "./support/server.mjs";
import { until } from "./support/until.mjs";
import { breaches, Witness } from "./support/witness.mjs";

const seed = Number(process.env.CRIER_CHAOS_SEED ?? Math.floor(Math.random() * 1e9));
const seconds = Number(process.env.CRIER_CHAOS_SECONDS ?? (full ? 120 : 20));
const CLIENTS = Number(process.env.CRIER_CHAOS_CLIENTS ?? (full ? 200 : 40));
const PROGRAMS = ["north", "east", "south", "west", "centre"];
/** Milliseconds between two events of a program, at least and at most. */
const PACE = full ? [60, 400] : [20, 150];
/** Then nothing is accepted that is not kept, and every number counts. */
const REFUSE = { CRIER_HISTORY_OUTAGE_POLICY: "refuse" };
/** A client whose upgrade is cut down does not poll again (socket.io-client 4.8): only the heartbeat ends that. */
const HEARTBEAT = { CRIER_ENGINE_PING_INTERVAL: "1s", CRIER_ENGINE_PING_TIMEOUT: "3s" };
/** How long Redis may stand still unnoticed, and how long it may not. */
const SHORT_STOP = 300;
const LONG_STOP = full ? 8000 : 3000;

describe("the check itself", () => {
  const accepted = new Map([["p", [1, 2, 3, 4, 5].map((n) => ({ n, id: n === 3 ? null : `e.${n}`, began: n }))]]);
  const connect = { kind: "connect", recovered: false };
  const again = { kind: "connect", recovered: true };
  const event = (n, id = n === 3 ? undefined : `e.${n}`) => ({ kind: "event", program: "p", n, id });
  const catchup = (verdict) => ({ kind: "catchup", recovered: verdict === "recovered", programs: { p: verdict } });
  const whole = [connect, event(1), event(2), event(3), event(4), event(5)];
  const cases = [
    ["all of it", whole, null],
    ["a beginning in the middle", [connect, event(4), event(5)], null],
    ["recovered", [connect, event(1), event(2), event(3), again, event(4), catchup("recovered"), event(5)], null],
    ["told of a hole", [connect, event(1), connect, catchup("reset"), event(5)], null],
    ["told of a hole by a connection that ends", [connect, event(1), connect, again, catchup("recovered"), event(5)], null],
    ["a hole behind what was told", [{ ...connect, at: 1 }, event(1), { ...connect, at: 3 }, event(2), again, event(5)], /got 5 without 4/],
    ["a replay that was cut short after it was told", [{ ...connect, at: 1 }, event(1), { ...connect, at: 9 }, event(2), again, event(5), catchup("recovered")], null],
    ["told later of what was not kept", [connect, event(2), event(4), connect, catchup("gap"), event(5)], null],
    ["not told of what was not kept", [connect, event(2), event(4), event(5)], /was not told of 3/],
    ["a hole", [connect, event(1), event(3), event(4), event(5)], /got 4 without 2/],
    ["a hole across a recovery", [connect, event(1), event(3), again, catchup("recovered"), event(4), event(5)], /got 4 without 2/],
    ["a hole in spite of the verdict", [connect, event(1), event(3), connect, event(4), { ...catchup("recovered"), recovered: false }, event(5)], /2 did not come/],
    ["a repeat", [...whole, event(5)], /got 5 again/],
    ["disorder", [connect, event(1), event(4), event(2)], /got 2 again or late/],
    ["an end too early", [connect, event(1), event(2), event(3)], /never saw 4, 5/],
    ["an end that was told", [connect, event(1), event(2), connect, catchup("reset")], null],
    ["another id", [connect, event(4), event(5, "e.6")], /published as e\.5/],
    ["what nobody published", [...whole, event(6)], /nobody published/],
    ["a verdict that cannot be", [connect, event(4), connect, catchup("left"), event(5)], /catchup says left/],
    ["no verdict", [connect, event(4), again, event(5)], /no catchup/],
    ["a refusal", [...whole, { kind: "refused", message: "m" }], /refused for good/],
    ["packet 41", [...whole, { kind: "disconnect", reason: "io server disconnect" }], /packet 41/],
    ["another's event", [...whole, { ...event(1), program: "q" }], /not a member/],
    ["two stories", [connect, event(4), again, catchup("gap"), event(5)], /catchup says false/],
  ];
  for (const [name, log, problem] of cases) {
    test(name, () => {
      const found = breaches({ log, programs: ["p"] }, accepted, { verdicts: ["recovered", "reset", "gap"] }).map(({ text }) => text);
      if (problem === null) assert.deepEqual(found, []);
      else assert.match(found.join("; "), problem);
    });
  }
});

/** Two nodes on one store and one Redis, their clients and publishers; `story` is what was done to them. */
class Scene {
  nodes = [];
  witnesses = [];
  fronts = [];
  story = [];
  problems = [];
  began = performance.now();

  constructor(random, env) {
    this.random = random;
    this.env = env;
  }

  static async open(random, { env = {}, clients = CLIENTS, every = () => 80 } = {}) {
    const scene = new Scene(random, env);
    const users = Array.from({ length: Math.ceil(clients * 0.75) }, (_, i) => ({
      id: `user-${i}`,
      programs: PROGRAMS.filter((_, p) => (i + p) % PROGRAMS.length < 3),
    }));
    scene.redis = await Redis.start({ keeps: true });
    scene.store = join(temporaryFolder(), "store.db");
    writePeople(scene.store, {
      users: users.map(({ id }) => ({ id, name: id, role: "member", active: true })),
      members: users.flatMap(({ id, programs }) => programs.map((programId) => ({ programId, userId: id, active: true }))),
    });
    scene.nodes = [{ port: await freePort() }, { port: await freePort() }];
    await Promise.all(scene.nodes.map((_, i) => scene.startNode(i)));
    scene.numbers = new Numbers(scene.nodes, PROGRAMS, { every, random, size: () => (random() < 0.02 ? 20_000 : random() * 200) });
    for (let i = 0; i < clients; i += 1) {
      const front = await Front.open(scene.nodes, i % 2);
      scene.fronts.push(front);
      const { id, programs } = users[i % users.length];
      const via = i % 2 === 0 ? "polling" : i % 4 === 1 ? "websocket" : "upgrade";
      scene.witnesses.push(new Witness(front.url, { name: `client ${i} (${id}, ${via})`, user: id, programs, via }));
    }
    await scene.allConnected();
    return scene;
  }

  tell(what) {
    this.story.push({ at: performance.now(), what });
  }

  async startNode(i) {
    const server = await startServer({
      port: this.nodes[i].port,
      store: this.store,
      redisUrl: this.redis.url,
      env: { CRIER_HTTP_ADDRESS: "127.0.0.1", ...HEARTBEAT, ...this.env },
      waitReady: false,
    });
    this.nodes[i].server = server;
    server.exit.then(({ code, signal }) => {
      if (!server.ending) this.problems.push(`node ${i} ended by itself (${code ?? signal})\n${server.log}`);
    });
    await until(() => server.ending || server.child.exitCode !== null || server.get("/healthz").then(() => true, () => false), {
      every: 20,
      what: () => `node ${i} to listen\n${server.log}`,
    });
  }

  async endNode(i, signal) {
    const { server } = this.nodes[i];
    server.ending = true;
    const { code } = await server.stop(signal);
    if (signal !== "SIGKILL" && code !== 0) this.problems.push(`node ${i} ended with ${code}\n${server.log}`);
  }

  allConnected() {
    return until(() => this.witnesses.every(({ socket }) => socket.connected), {
      within: 30_000,
      every: 20,
      what: () => {
        const away = this.witnesses.filter(({ socket }) => !socket.connected);
        return `${away.length} clients to connect, such as ${away[0]?.name}\n${this.#logs()}`;
      },
    });
  }

  /** Ends the publishers, then publishes one last number a program, which everyone has to see. */
  async settle() {
    const within = (what, work) =>
      Promise.race([
        work,
        pause(30_000, null, { ref: false }).then(() => {
          throw new Error(`${what} takes more than 30 s\n${this.#logs()}`);
        }),
      ]);
    await within("to end the publishers", this.numbers.finish());
    // A client that is still told of a hole may be told of the last event as well.
    const calm = () => performance.now() - Math.max(...this.witnesses.map(({ log }) => log.at(-1)?.at ?? 0)) > 700;
    await until(calm, { within: 30_000, every: 50, what: () => "the clients to come to rest" });
    await this.allConnected();
    for (const program of PROGRAMS) await within("the last event", this.numbers.next(program));
    const complete = (witness) => witness.programs.every((program) => witness.last(program) === this.numbers.last(program));
    await until(() => this.witnesses.every(complete), { within: 15_000, every: 20 }).catch(() =>
      this.problems.push("not everyone has the last events"),
    );
  }

  /** Fails with all that is needed to see why. */
  check(options) {
    const { accepted } = this.numbers;
    const problems = [...this.problems, ...this.numbers.problems];
    const kinds = {};
    for (const witness of this.witnesses) {
      const found = breaches(witness, accepted, options);
      for (const { text } of found) kinds[text.replace(/\d+/g, "N")] = (kinds[text.replace(/\d+/g, "N")] ?? 0) + 1;
      for (const breach of found.slice(0, 3)) problems.push(`${witness.name}: ${breach.text} [${breach.program}]\n${this.#around(witness, breach)}`);
      if (found.length > 3) problems.push(`${witness.name}: ${found.length - 3} more`);
    }
    if (problems.length === 0) return;
    const story = this.story.map(({ at, what }) => `${this.#time(at)} ${what}`).join("\n");
    const shown = problems.slice(0, 8).join("\n\n");
    assert.fail(`seed ${seed}: ${problems.length} problems ${JSON.stringify(kinds)}\n\n${shown}\n\nWhat was done:\n${story}\n\n${this.#logs()}`);
  }

  #time(at) {
    return `${((at - this.began) / 1000).toFixed(3)} s`.padStart(10);
  }

  #around({ log }, { index, program }) {
    const near = log.slice(0, index + 4).map((entry, i) => ({ ...entry, i })).slice(-60);
    const mine = near.filter((entry) => entry.kind !== "event" || program === null || entry.program === program).slice(-16);
    return mine
      .map(({ i, at, kind, ...entry }) => `${i === index ? " >" : "  "}${this.#time(at)} ${kind} ${JSON.stringify(entry)}`)
      .join("\n");
  }

  #logs() {
    return this.nodes.map(({ server }, i) => `node ${i}: ${server.log.split("\n").slice(-12).join("\n  ")}`).join("\n");
  }

  /** In one line: how often which verdict came, how much was seen. */
  summary() {
    const counts = {};
    let seen = 0;
    let connects = 0;
    let recovered = 0;
    for (const { log } of this.witnesses) {
      for (const entry of log) {
        if (entry.kind === "event") seen += 1;
        if (entry.kind === "catchup") for (const verdict of Object.values(entry.programs)) counts[verdict] = (counts[verdict] ?? 0) + 1;
        if (entry.kind === "connect") {
          connects += 1;
          if (entry.recovered) recovered += 1;
        }
      }
    }
    const cuts = this.fronts.reduce((sum, front) => sum + front.cuts, 0);
    return (
      `seed ${seed}: ${this.story.length} faults, ${cuts} cuts; ${this.numbers.total} events, ${this.numbers.retries} retries; ` +
      `${connects} connections, ${recovered} recovered; ${seen} deliveries; verdicts ${JSON.stringify(counts)}`
    );
  }

  async close() {
    this.numbers?.close();
    for (const witness of this.witnesses) witness.close();
    for (const front of this.fronts) front.close();
    for (const { server } of this.nodes) {
      if (!server) continue;
      server.ending = true;
      await server.stop();
    }
    await this.redis?.kill();
  }
}

const between = (random, least, most) => least + random() * (most - least);

/** Each breaks one thing and has it whole again when it resolves. */
const FAULTS = {
  async kill(scene, i) {
    scene.tell(`kill -9 node ${i}`);
    await scene.endNode(i, "SIGKILL");
    await pause(between(scene.random, 0, 600));
    await scene.startNode(i);
    scene.tell(`node ${i} is back`);
  },
  async deploy(scene, i) {
    scene.tell(`SIGTERM to node ${i}`);
    await scene.endNode(i, "SIGTERM");
    await scene.startNode(i);
    scene.tell(`node ${i} is back`);
  },
  async deafen(scene) {
    const killed = scene.redis.command("CLIENT", "KILL", "TYPE", "pubsub");
    scene.tell(`CLIENT KILL of ${killed} subscribers`);
  },
  async disconnect(scene) {
    const killed = scene.redis.command("CLIENT", "KILL", "TYPE", "normal");
    scene.tell(`CLIENT KILL of ${killed} connections`);
  },
  async stumble(scene) {
    scene.tell(`Redis stands still for ${SHORT_STOP} ms`);
    scene.redis.pause();
    await pause(SHORT_STOP);
    scene.redis.resume();
  },
  async move(scene, i) {
    const moved = scene.fronts.filter(() => scene.random() < 0.4);
    scene.tell(`${moved.length} clients are moved to node ${i}`);
    for (const front of moved) front.move(i);
  },
  async restart(scene) {
    const signal = scene.random() < 0.5 ? "SIGKILL" : "SIGTERM";
    scene.tell(`${signal} to Redis`);
    await scene.redis.kill(signal);
    await pause(between(scene.random, 50, 1000));
    await scene.redis.start();
    scene.tell("Redis is back");
  },
  async freeze(scene, _, milliseconds = LONG_STOP) {
    scene.tell(`Redis stands still for ${milliseconds} ms`);
    scene.redis.pause();
    await pause(milliseconds);
    scene.redis.resume();
    scene.tell("Redis goes on");
  },
};

/** Breaks things by turns, in a new order each round, for about so many seconds. */
async function rampage(scene, names, share) {
  const end = performance.now() + seconds * share * 1000;
  for (const front of scene.fronts) {
    if (scene.random() < 0.5) front.bytesLeft = () => Math.floor(between(scene.random, 200, 20_000));
  }
  while (performance.now() < end) {
    const round = [...names].sort(() => scene.random() - 0.5);
    for (const name of round) {
      if (performance.now() > end) break;
      await FAULTS[name](scene, scene.random() < 0.5 ? 0 : 1);
      await pause(between(scene.random, 100, 500));
    }
  }
  for (const front of scene.fronts) front.bytesLeft = () => undefined;
}

describe("when everything breaks", { skip: crierOnly }, () => {
  let scene;
  afterEach(async () => {
    await scene?.close();
    scene = undefined;
  });

  test("events are seen once and in order, or the client is told", async (t) => {
    t.diagnostic(`CRIER_CHAOS_SEED=${seed}`);
    const random = seeded(seed);
    scene = await Scene.open(random, { env: REFUSE, every: () => between(random, ...PACE) });
    await rampage(scene, Object.keys(FAULTS), 0.6);
    await scene.settle();
    t.diagnostic(scene.summary());
    scene.check({ verdicts: ["recovered", "reset"] });
  });

  test("as long as Redis keeps running nobody misses anything", async (t) => {
    const random = seeded(seed + 1);
    scene = await Scene.open(random, { env: REFUSE, every: () => between(random, ...PACE) });
    await rampage(scene, ["kill", "deploy", "deafen", "disconnect", "stumble", "move"], 0.4);
    await scene.settle();
    t.diagnostic(scene.summary());
    scene.check({ verdicts: ["recovered"] });
  });

  test("what was accepted but not kept is told to those who did not see it", async (t) => {
    const random = seeded(seed + 2);
    scene = await Scene.open(random, { clients: 12, every: () => between(random, ...PACE) });
    await FAULTS.move(scene, 1);
    await FAULTS.freeze(scene, 0, 5000);
    await FAULTS.move(scene, 0);
    await scene.settle();
    t.diagnostic(scene.summary());
    scene.check({ verdicts: ["recovered", "gap"] });
    const loose = [...scene.numbers.accepted.values()].flat().filter(({ id }) => id === null);
    assert.ok(loose.length > 0, "some events were accepted without being kept");
  });
});
