// What one recovery costs when M events are retained in 500 rooms, none of them the client's but a few. The clients
// come back one after the other; each has missed three events.

import { setTimeout as pause } from "node:timers/promises";
import { Listener } from "../listener.mjs";
import { burst } from "../publisher.mjs";
import { cpuMicroseconds, mebibytes, residentBytes } from "../process.mjs";

const ROOMS = 500;
const CLIENTS = 40;
const MISSED = 3;
export const title = `One recovery, events retained in ${ROOMS} rooms:`;
export const variants = [10_000, 100_000, 400_000].map((retained) => ({ name: retained.toLocaleString("en"), retained }));

const rooms = Array.from({ length: ROOMS }, (_, i) => `p${i}`);
const users = Array.from({ length: CLIENTS }, (_, i) => `u${i}`);
const people = {
  users: users.map((id) => ({ id, name: id, role: "requester", active: true })),
  members: users.map((userId, i) => ({ programId: rooms[i], userId, active: true })),
};
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

export async function run(start, { retained }) {
  const system = await start({ people });
  try {
    await cost(system, users.map((user) => ({ user }))); // Node compiles what it runs often.
    const first = await cost(system, users.map((user) => ({ user })));
    const empty = system.pids.map(residentBytes);
    const before = retained - ROOMS * (MISSED + 1);
    await burst(system.port, before, (i) => [rooms[i % ROOMS], i + 1]);
    const publisher = await system.publisher();
    const held = sum(system.pids.map(residentBytes)) - sum(empty);
    const clients = await Promise.all(users.map((user) => Listener.connect(system, user, { reconnection: false })));
    await publisher.burst(ROOMS, (i) => [rooms[i], before + i + 1]);
    await Promise.all(clients.map((client, i) => client.received(before + i + 1)));
    const back = clients.map((client, i) => ({ user: users[i], cursor: client.cursor, awaits: retained - ROOMS + i + 1 }));
    for (const client of clients) client.leave();
    await pause(200);
    await publisher.burst(ROOMS * MISSED, (i) => [rooms[i % ROOMS], retained - ROOMS * MISSED + i + 1]);
    const second = await cost(system, back);
    for (const client of clients) client.close();
    publisher.close();
    const redis = system.redis ? ` (Redis ${(second.cpu[1] / 1000).toFixed(2)} ms)` : "";
    const failed = second.recovered < CLIENTS ? `; **${CLIENTS - second.recovered} of ${CLIENTS} not recovered**` : "";
    return {
      ...second, plain: first, held,
      cell:
        `${(second.cpu[0] / 1000).toFixed(2)} ms CPU${redis}, a plain connect ${(first.cpu[0] / 1000).toFixed(2)}; ` +
        `${second.took.toFixed(1)} ms in all; ${mebibytes(held)} held${failed}`,
    };
  } finally {
    await system.stop();
  }
}

/** CPU of each of the system's processes in µs, and ms of time, for each of `who` to connect and get what it awaits. */
async function cost(system, who) {
  const cpu = system.pids.map(cpuMicroseconds);
  const took = [];
  let recovered = 0;
  for (const { user, cursor, awaits } of who) {
    const from = performance.now();
    const client = await Listener.connect(system, user, { cursor, reconnection: false });
    if (awaits && client.recovered[0]) await client.received(awaits);
    took.push(performance.now() - from);
    recovered += client.recovered[0] ? 1 : 0;
    client.close();
  }
  return { cpu: system.pids.map((pid, i) => (cpuMicroseconds(pid) - cpu[i]) / who.length), took: median(took), recovered };
}
