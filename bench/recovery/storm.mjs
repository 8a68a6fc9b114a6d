// Storms of clients that come back: recoveries a second with much history, 10,000 clients at once, and what one client
// that stops reading costs the others. The server on core 0, the load (recovery_storm, C++) on core 1.
//
//   ./run --build && cmake --build --preset release --target recovery_storm
//   npm ci --prefix bench/recovery && npm ci --prefix tests/e2e
//   node bench/recovery/storm.mjs [--json] [--only=recoveries,reconnect,large,stalled] [--systems=crier-memory,npm-memory] [--rounds=3]
//
// Crier is build/release/bin/crier, or CRIER_BIN; the load is beside it, or RECOVERY_STORM. CRIER_BEFORE names an earlier
// build's, which --systems then knows as crier-before-memory and crier-before-redis.

import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { API_KEY, crierBinary, leash, temporaryFolder, tokenFor } from "../../tests/e2e/support/server.mjs";
import { Growth, mebibytes } from "./process.mjs";
import { stepAside, SYSTEMS } from "./systems.mjs";

const option = (name, otherwise) => process.argv.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise;
const ROUNDS = Number(option("rounds", 3));
const RETAINED = Number(option("retained", 400_000));
const SECONDS = 3;
const UNDER_WAY = 64;
const load = process.env.RECOVERY_STORM ?? join(dirname(crierBinary), "recovery_storm");
if (!existsSync(load)) throw new Error(`no ${load}: cmake --build --preset release --target recovery_storm, or set RECOVERY_STORM`);

/** recovery_storm with one client for each of `members`: {user, programs}. */
class Load {
  #answers = [];

  constructor(system, members) {
    const file = join(temporaryFolder(), "clients");
    writeFileSync(file, members.map(({ user, programs }) => `${programs.length} ${tokenFor(user, { expiresIn: "1d" })}\n`).join(""));
    const pin = cpus().length > 1 ? ["taskset", "-c", "1"] : [];
    const command = [...pin, load, system.port, system.pid, API_KEY, file].map(String);
    this.child = leash(spawn(command[0], command.slice(1), { stdio: ["pipe", "pipe", "inherit"] }));
    createInterface({ input: this.child.stdout }).on("line", (line) => this.#answers.shift()?.done(JSON.parse(line)));
    this.child.once("exit", (code) => {
      for (const { fail } of this.#answers) fail(new Error(`the load ended with ${code}`));
    });
  }

  ask(line) {
    this.child.stdin.write(`${line}\n`);
    return new Promise((done, fail) => this.#answers.push({ done, fail }));
  }

  /** As ask(), and every event was accepted. */
  async fill(count, programs, { bytes = 100, from = 0 } = {}) {
    const answer = await this.ask(`fill ${count} ${programs} ${bytes} ${from}`);
    if (answer.accepted !== count) throw new Error(`fill: ${JSON.stringify(answer)}`);
    return answer;
  }

  close() {
    this.child.stdin.end();
  }
}

const peopleOf = (members) => ({
  users: members.map(({ user }) => ({ id: user, name: user, role: "requester", active: true })),
  members: members.flatMap(({ user, programs }) => programs.map((programId) => ({ programId, userId: user, active: true }))),
});
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const spread = (numbers, digits = 0) => {
  const text = (number) => number.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
  return `${text(median(numbers))} (${text(Math.min(...numbers))}–${text(Math.max(...numbers))})`;
};
/** Nothing is to expire while this runs, and nobody is told to come back later. */
const KEEP = { CRIER_HISTORY_TTL: "2h", HISTORY_MS: "7200000", CRIER_ENGINE_HANDSHAKES_PER_SECOND: "0" };

async function counters(system) {
  if (!system.server) return {};
  const { text } = await system.server.get("/metrics");
  const value = (name) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? NaN);
  return { history: value("crier_history_reads_total"), membership: value("crier_membership_reads_total") };
}

// --- recoveries a second: 4,000 clients of one or two of 500 programs, each has missed three events a program

async function recoveries(names) {
  const PROGRAMS = 500;
  const members = Array.from({ length: 4000 }, (_, i) => ({
    user: `u${i}`,
    programs: [...new Set([`p${i % PROGRAMS}`, ...(i % 2 === 1 ? [`p${(i * 7 + 1) % PROGRAMS}`] : [])])],
  }));
  const running = [];
  for (const name of names) {
    const system = await SYSTEMS[name].start({ people: peopleOf(members), env: KEEP });
    const clients = new Load(system, members);
    await clients.fill(RETAINED - 4 * PROGRAMS, PROGRAMS);
    await clients.ask("connect 0 256");
    await clients.fill(PROGRAMS, PROGRAMS);
    await clients.ask("wait 1");
    await clients.ask("cut");
    await clients.ask("wait 1");
    await clients.fill(3 * PROGRAMS, PROGRAMS);
    running.push({ name, system, clients, now: [], tenfold: [] });
  }
  const take = async (into) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const one of running) one[into].push(await one.clients.ask(`loop ${SECONDS} 3 ${UNDER_WAY}`));
    }
  };
  await take("now");
  for (const { system, clients } of running.filter(({ name }) => name === "crier-memory")) {
    await clients.fill(RETAINED * 9, PROGRAMS * 9, { from: PROGRAMS });
    system.grown = true;
  }
  const others = running.filter(({ system }) => !system.grown);
  for (const { system, clients } of others) await Promise.all([clients.close(), system.stop()]);
  running.splice(0, running.length, ...running.filter(({ system }) => system.grown));
  await take("tenfold");
  for (const { system, clients } of running) await Promise.all([clients.close(), system.stop()]);
  const rows = [];
  for (const { name, now, tenfold } of [...running, ...others]) {
    for (const [what, runs] of [[`${RETAINED.toLocaleString("en")} retained`, now], ["ten times as many, of other programs", tenfold]]) {
      if (runs.length === 0) continue;
      rows.push({
        what: `recoveries/s, ${what}`, system: name, runs,
        cell:
          `${spread(runs.map(({ rate }) => rate))}; ${spread(runs.map(({ cpu }) => cpu), 1)} µs CPU each, ` +
          `${Math.round(1e6 / median(runs.map(({ cpu }) => cpu))).toLocaleString("en")} a core; core busy ${Math.round(100 * median(runs.map(({ busy }) => busy)))} %; ` +
          `p99 ${median(runs.map(({ p99 }) => p99)).toFixed(1)} ms` +
          told(runs.reduce((sum, { recoveries, recovered, failed }) => sum + recoveries - recovered + failed, 0)),
      });
    }
  }
  return rows;
}

const told = (count) => (count > 0 ? `; **${count} not recovered**` : "");

// --- 10,000 clients of 100 programs come back at once

async function reconnect(names) {
  const [CLIENTS, PROGRAMS] = [10_000, 100];
  const members = Array.from({ length: CLIENTS }, (_, i) => ({ user: `u${i}`, programs: [`p${i % PROGRAMS}`] }));
  const rows = [];
  for (const name of names) {
    const runs = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const system = await SYSTEMS[name].start({ people: peopleOf(members), env: KEEP });
      const clients = new Load(system, members);
      await clients.fill(50_000, PROGRAMS);
      await clients.ask("connect 0 1000");
      await clients.fill(PROGRAMS, PROGRAMS);
      await clients.ask("wait 2");
      await clients.ask("cut");
      await clients.ask("wait 1");
      await clients.fill(3 * PROGRAMS, PROGRAMS);
      const before = await counters(system);
      const answer = await clients.ask("connect 3 4000");
      const after = await counters(system);
      runs.push({ ...answer, history: after.history - before.history, membership: after.membership - before.membership });
      clients.close();
      await system.stop();
    }
    const reads = name.startsWith("crier")
      ? `; ${spread(runs.map(({ history }) => history))} reads of history, ${spread(runs.map(({ membership }) => membership))} of memberships`
      : "";
    rows.push({
      what: "10,000 clients of 100 programs come back at once", system: name, runs,
      cell:
        `all in ${spread(runs.map(({ seconds }) => seconds), 2)} s, p99 ${Math.round(median(runs.map(({ p99 }) => p99)))} ms${reads}` +
        told(runs.reduce((sum, { clients, recovered }) => sum + clients - recovered, 0)),
    });
  }
  return rows;
}

// --- 10,000 clients of 100 programs come back at once, each of which has missed 3 MiB

async function large(names) {
  const [CLIENTS, PROGRAMS, EVENTS, BYTES] = [10_000, 100, 30, 100 * 1024];
  const members = Array.from({ length: CLIENTS }, (_, i) => ({ user: `u${i}`, programs: [`p${i % PROGRAMS}`] }));
  const rows = [];
  for (const name of names.filter((each) => each.startsWith("crier"))) {
    const system = await SYSTEMS[name].start({ people: peopleOf(members), env: { ...KEEP, CRIER_HISTORY_BYTES_MAX: 4 * 1024 * 1024 } });
    const clients = new Load(system, members);
    await clients.ask("connect 0 1000");
    await clients.fill(PROGRAMS, PROGRAMS);
    await clients.ask("wait 2");
    await clients.ask("cut");
    await clients.ask("wait 1");
    await clients.fill(EVENTS * PROGRAMS, PROGRAMS, { bytes: BYTES });
    const growth = new Growth([system.pid]);
    const answer = await clients.ask(`connect ${EVENTS} ${CLIENTS}`);
    const grew = growth.stop();
    clients.close();
    await system.stop();
    rows.push({
      what: "10,000 clients come back at once, each missed 30 events of 100 KiB", system: name, answer, grew,
      cell: `all in ${answer.seconds.toFixed(1)} s; RSS +${mebibytes(grew)}${told(CLIENTS - answer.recovered)}`,
    });
  }
  return rows;
}

// --- one of eleven clients stops reading: for two seconds by turns with nobody, and once while 200,000 events of 1 KiB come

async function stalled(names) {
  const COUNT = 200_000;
  const members = Array.from({ length: 11 }, (_, i) => ({ user: `u${i}`, programs: ["p0"] }));
  const rows = [];
  for (const name of names.filter((each) => each.startsWith("crier"))) {
    const rate = name === "crier-redis" ? COUNT / 40 : COUNT / 20;
    const system = await SYSTEMS[name].start({ people: peopleOf(members) });
    const clients = new Load(system, members);
    await clients.ask("connect 0 64");
    let lost = 0;
    const stall = async (count) => {
      await clients.ask("stall 0");
      const others = await clients.ask(`rate ${rate} ${count} 1024`);
      await clients.ask("resume 0");
      await clients.ask("wait 1");
      const back = await clients.ask("return 0");
      const missed = back.published - back.total - lost;
      lost += missed;
      return { ...others, back, missed };
    };
    await clients.ask(`rate ${rate} ${COUNT / 4} 1024`);
    // Looking at the memory would disturb the load: not while latencies are taken.
    const growth = new Growth([system.pid]);
    const whole = await stall(COUNT);
    const grew = growth.stop();
    const pairs = [];
    for (let round = 0; round < 3 * ROUNDS; round += 1) {
      pairs.push({ without: await clients.ask(`rate ${rate} ${2 * rate} 1024`), beside: await stall(2 * rate) });
    }
    clients.close();
    await system.stop();
    const p99 = (which) => spread(pairs.map((pair) => pair[which].p99), 2);
    rows.push({
      what: `one of ${members.length} stops reading, 1 KiB at ${rate.toLocaleString("en")}/s`, system: name, whole, grew, pairs,
      cell:
        `${COUNT.toLocaleString("en")} events: RSS +${mebibytes(grew)}, it: ${outcome(whole)}; the others' p99 ${p99("without")} ms without, ` +
        `${p99("beside")} ms beside it, ${spread(pairs.map(({ without, beside }) => beside.p99 / without.p99), 2)} ×`,
    });
  }
  return rows;
}

function outcome({ back, missed }) {
  if (back.disorders > 0) return "**out of order**";
  if (missed === 0) return "whole";
  return back.recovered ? "**not whole, untold**" : `closed, ${missed.toLocaleString("en")} lost and told`;
}

const ALL = { recoveries, reconnect, large, stalled };
stepAside();
const rows = [];
for (const name of option("only", Object.keys(ALL).join(",")).split(",")) {
  rows.push(...(await ALL[name](option("systems", "crier-memory,crier-redis,npm-memory").split(","))));
}
if (process.argv.includes("--json")) {
  console.log(JSON.stringify(rows, null, 2));
} else {
  console.log("| what | system | result |\n|---|---|---|");
  for (const { what, system, cell } of rows) console.log(`| ${what} | ${SYSTEMS[system].title} | ${cell} |`);
}
process.exit(0);
