// What 10,000 idle connections hold, each with a session, a user and a room.

import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { connectMany } from "../../../tests/e2e/support/raw_client.mjs";
import { tokenFor } from "../../../tests/e2e/support/server.mjs";
import { residentBytes } from "../process.mjs";

const descriptors = Number(/Max open files\s+(\d+)/.exec(readFileSync("/proc/self/limits", "utf8"))[1]);
const CLIENTS = Math.min(10_000, descriptors - 500);
export const title = `${CLIENTS.toLocaleString("en")} idle connections`;

const users = Array.from({ length: CLIENTS }, (_, i) => `u${i}`);
const people = {
  users: users.map((id) => ({ id, name: id, role: "requester", active: true })),
  members: users.map((userId, i) => ({ programId: `p${i % 100}`, userId, active: true })),
};

export async function run(start) {
  const system = await start({ people });
  try {
    const tokens = users.map((user) => tokenFor(user));
    await pause(500);
    const empty = residentBytes(system.pid);
    const clients = await connectMany(system.port, CLIENTS, (i) => ({ token: tokens[i] }), { keepText: false });
    await pause(2000);
    const each = (residentBytes(system.pid) - empty) / CLIENTS;
    for (const client of clients) client.destroy();
    return { bytes: Math.round(each), cell: `${(each / 1024).toFixed(1)} KiB RSS each` };
  } finally {
    await system.stop();
  }
}
