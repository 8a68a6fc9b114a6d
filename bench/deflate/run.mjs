// What permessage-deflate costs and saves: the server's CPU time and the bytes on the wire for each delivery of
// events of three sizes, with and without it, and what an idle connection that negotiated it takes. Server on
// core 0, load on core 1; each figure is the median of the repetitions.
//
//   node bench/deflate/run.mjs [CLIENTS] [REPETITIONS]        defaults: 1000 clients, 3 repetitions
//
// Crier is build/release/bin/crier, or CRIER_BIN. The clients inflate nothing, so they cost the same both ways.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { connectMany } from "../../tests/e2e/support/raw_client.mjs";
import { publication, startServer, tokenFor } from "../../tests/e2e/support/server.mjs";

const CLIENTS = Number(process.argv[2] ?? 1000);
const REPETITIONS = Number(process.argv[3] ?? 3);
const SIZES = [200, 2_000, 20_000];
const WINDOW_MS = 2000;
const WARM_UP_MS = 300;

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

/** The body of a publish of about `size` bytes, like the JSON of requests: repeated names, other values. */
function body(size) {
  const words = "approved budget contract delivery equipment invoice pending supplier transfer vehicle".split(" ");
  let state = 1;
  const random = (below) => (state = (state * 48_271) % 2_147_483_647) % below;
  const items = [];
  const text = () => JSON.stringify(publication("bench", { data: { items } }));
  const item = () => ({
    id: random(2 ** 30).toString(36),
    title: Array.from({ length: 4 }, () => words[random(words.length)]).join(" "),
    amount: random(1_000_000) / 100,
    status: words[random(3)],
  });
  while (text().length + 100 < size) items.push(item());
  return text();
}

async function fanOut(server, state, text) {
  let running = true;
  const lane = async () => {
    while (running) {
      const delivered = new Promise((done) => {
        state.onAll = done;
      });
      await server.post("alpha", text);
      await delivered;
    }
  };
  const bytes = () => state.clients.reduce((sum, { socket }) => sum + socket.bytesRead, 0);
  const done = lane();
  await pause(WARM_UP_MS);
  const [from, cpu, read] = [state.deliveries, cpuMicroseconds(server), bytes()];
  await pause(WINDOW_MS);
  const deliveries = state.deliveries - from;
  const figures = { cpu: (cpuMicroseconds(server) - cpu) / deliveries, bytes: (bytes() - read) / deliveries };
  running = false;
  await done;
  return figures;
}

async function measure(deflate) {
  const env = { CRIER_WEBSOCKET_DEFLATE: String(deflate), CRIER_SERVER_WORKERS: "1" };
  const server = await startServer({ kind: "crier", people, env, core: cpus().length > 1 ? 0 : undefined });
  const state = { deliveries: 0, onAll: () => {} };
  try {
    await pause(300);
    const empty = residentBytes(server);
    state.clients = await connectMany(server.port, CLIENTS, (i) => ({ token: tokens[i] }), {
      keepText: false,
      deflate,
      onEvent: () => {
        state.deliveries += 1;
        if (state.deliveries % CLIENTS === 0) state.onAll();
      },
    });
    await pause(1000);
    const figures = { "RSS an idle connection, bytes": (residentBytes(server) - empty) / CLIENTS };
    for (const size of SIZES) {
      const { cpu, bytes } = await fanOut(server, state, body(size));
      figures[`${size} bytes: server CPU a delivery, µs`] = cpu;
      figures[`${size} bytes: bytes received a delivery`] = bytes;
    }
    for (const client of state.clients) client.destroy();
    return figures;
  } finally {
    await server.stop();
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const figure = (value) => (value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2));

const runs = { plain: [], deflate: [] };
for (let i = 0; i < REPETITIONS; i += 1) {
  for (const kind of Object.keys(runs)) runs[kind].push(await measure(kind === "deflate"));
}
console.log(`${CLIENTS} clients over WebSocket, median of ${REPETITIONS}; ${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}\n`);
const rows = [["", "plain", "deflate"]];
for (const name of Object.keys(runs.plain[0])) rows.push([name, ...Object.values(runs).map((all) => figure(median(all.map((run) => run[name]))))]);
for (const [name, ...values] of rows) console.log(name.padEnd(46) + values.map((value) => value.padStart(12)).join(""));
process.exit(0);
