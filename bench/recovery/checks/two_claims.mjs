// Two connections present the same pid and offset. What counts: how many hold the session in the end, and whether one
// of them can be told that it does not.

import { setTimeout as pause } from "node:timers/promises";
import { Listener } from "../listener.mjs";

export const title = "The same `pid` and `offset` from two connections";
const people = { users: [{ id: "ada", name: "Ada", role: "requester", active: true }], members: [{ programId: "alpha", userId: "ada", active: true }] };

export async function run(start) {
  const system = await start({ people });
  try {
    const first = await Listener.connect(system, "ada", { reconnection: false });
    await system.publish(["alpha"], 1);
    await first.received(1);
    const cursor = first.cursor;
    first.leave();
    await pause(100);
    await system.publish(["alpha"], 2);
    const claims = await Promise.all([1, 2].map(() => Listener.connect(system, "ada", { cursor, reconnection: false })));
    await pause(300);
    await system.publish(["alpha"], 3);
    await pause(300);
    const recovered = claims.filter((client) => client.recovered[0]).length;
    const [sids, open] = [new Set(claims.map((client) => client.socket.id)).size, claims.filter((client) => client.socket.connected)];
    const holders = open.filter((client) => client.recovered[0]).length;
    const live = claims.filter((client) => client.got.some(({ n }) => n === "3")).length;
    const told = claims.flatMap(({ closes }) => closes);
    for (const client of [first, ...claims]) client.close();
    const both = holders > 1 ? "**both hold it**: " : "";
    const closed = told.length > 0 ? `, ${told.length} then closed` : "";
    return {
      recovered, open: open.length, live, told, sids,
      cell: `${both}${recovered} recovered${closed}; ${open.length} open, ${live} get what follows`,
    };
  } finally {
    await system.stop();
  }
}
