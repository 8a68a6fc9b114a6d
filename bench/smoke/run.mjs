// A first measure of Crier beside npm socket.io, in one run: connecting, memory of an idle connection,
// and fan-out. Server on core 0, load on core 1; the servers take turns, and each figure is the median
// of the repetitions. A smoke test, not a benchmark: the generator is Node, and saturates near 300,000
// deliveries a second, so of the fan-out the server's CPU time a delivery is what counts.
//
//   node bench/smoke/run.mjs [CLIENTS] [REPETITIONS]        defaults: 1000 clients, 3 repetitions
//
// Crier is build/release/bin/crier, or CRIER_BIN.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { connectMany } from "../../tests/e2e/support/raw_client.mjs";
import { publication, startServer, tokenFor } from "../../tests/e2e/support/server.mjs";

const CLIENTS = Number(process.argv[2] ?? 1000);
const REPETITIONS = Number(process.argv[3] ?? 3);
const WINDOW_MS = 2000;
const WARM_UP_MS = 300;
const MOSTLY_200_BYTES = { data: { text: "x".repeat(20) } };

if (cpus().length > 1) execFileSync("taskset", ["-apc", "1", String(process.pid)], { stdio: "ignore" });

const people = {
  users: Array.from({ length: CLIENTS }, (_, i) => ({ id: `u${i}`, name: `User ${i}`, role: "requester", active: true })),
  members: Array.from({ length: CLIENTS }, (_, i) => ({ programId: "alpha", userId: `u${i}`, active: true })),
};
const tokens = people.users.map(({ id }) => tokenFor(id));

const residentBytes = ({ pid }) => 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
/** On a CPU so far, over all threads: the first number of schedstat, in ns. */
function cpuMicroseconds({ pid }) {
  const tasks = readdirSync(`/proc/${pid}/task`).map((task) => readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8"));
  return tasks.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0) / 1000;
}

/** Publishes with `outstanding` broadcasts under way, each ended by its delivery to every client. */
async function fanOut(server, state, outstanding) {
  let running = true;
  const body = JSON.stringify(publication("bench", MOSTLY_200_BYTES));
  const waiting = [];
  state.onAll = () => waiting.shift()?.();
  const lane = async () => {
    while (running) {
      const delivered = new Promise((done) => waiting.push(done));
      await server.post("alpha", body);
      await delivered;
    }
  };
  const lanes = Array.from({ length: outstanding }, lane);
  await pause(WARM_UP_MS);
  const [from, cpu, started] = [state.deliveries, cpuMicroseconds(server), performance.now()];
  await pause(WINDOW_MS);
  const deliveries = state.deliveries - from;
  const figures = {
    rate: (deliveries / (performance.now() - started)) * 1000,
    cpu: (cpuMicroseconds(server) - cpu) / deliveries,
  };
  running = false;
  await Promise.all(lanes);
  return figures;
}

async function measure(kind) {
  const server = await startServer({ kind, people, core: cpus().length > 1 ? 0 : undefined });
  const state = { deliveries: 0, onAll: () => {} };
  try {
    await pause(300);
    const empty = residentBytes(server);
    const [cpu, started] = [cpuMicroseconds(server), performance.now()];
    const clients = await connectMany(server.port, CLIENTS, (i) => ({ token: tokens[i] }), {
      keepText: false,
      onEvent: () => {
        state.deliveries += 1;
        if (state.deliveries % CLIENTS === 0) state.onAll();
      },
    });
    const took = performance.now() - started;
    const connectCpu = (cpuMicroseconds(server) - cpu) / CLIENTS;
    await pause(1000);
    const idle = (residentBytes(server) - empty) / CLIENTS;
    const one = await fanOut(server, state, 1);
    const eight = await fanOut(server, state, 8);
    for (const client of clients) client.destroy();
    return {
      "connects/s": (CLIENTS / took) * 1000,
      "server CPU a connect, µs": connectCpu,
      "RSS an idle connection, bytes": idle,
      "deliveries/s, one broadcast at a time": one.rate,
      "server CPU a delivery, µs, one at a time": one.cpu,
      "deliveries/s, eight under way": eight.rate,
      "server CPU a delivery, µs, eight under way": eight.cpu,
    };
  } finally {
    await server.stop();
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const figure = (value) => (value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2));

const runs = { reference: [], crier: [] };
for (let i = 0; i < REPETITIONS; i += 1) {
  for (const kind of Object.keys(runs)) runs[kind].push(await measure(kind));
}
console.log(`${CLIENTS} clients over WebSocket, median of ${REPETITIONS}; ${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}\n`);
const rows = [["", "npm socket.io", "Crier", "ratio"]];
for (const name of Object.keys(runs.crier[0])) {
  const [node, crier] = ["reference", "crier"].map((kind) => median(runs[kind].map((run) => run[name])));
  const ratio = name.includes("/s") ? crier / node : node / crier;
  rows.push([name, figure(node), figure(crier), `${ratio.toFixed(1)} ×`]);
}
for (const [name, ...values] of rows) console.log(name.padEnd(46) + values.map((value) => value.padStart(15)).join(""));
process.exit(0);
