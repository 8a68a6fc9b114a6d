// A membership ends while the client is away. Node: `socketsLeave` for the user, and its own record is changed.
// Crier: `crier member remove`.

import { setTimeout as pause } from "node:timers/promises";
import { Listener } from "../listener.mjs";

export const title = "Membership revoked while away";
const people = {
  users: [{ id: "ada", name: "Ada", role: "requester", active: true }],
  members: ["alpha", "secret"].map((programId) => ({ programId, userId: "ada", active: true })),
};

export async function run(start) {
  const system = await start({ people });
  try {
    const client = await Listener.connect(system, "ada");
    await system.publish(["alpha", "secret"], 1);
    await client.received(1);
    const comeBack = client.leave();
    await pause(100);
    await system.revoke("ada", "secret");
    await system.publish(["secret", "alpha"], 2);
    comeBack();
    await client.connected(2);
    await pause(200);
    await system.publish(["secret", "alpha"], 3);
    await client.received(3);
    await pause(200);
    const leaked = (n) => client.got.filter((event) => event.program === "secret" && event.n === n).length;
    const kept = ["2", "3"].every((n) => client.got.some((event) => event.program === "alpha" && event.n === n));
    const [replayed, live] = [leaked("2"), leaked("3")];
    client.close();
    const leak = replayed + live > 0 ? `**leaked**: ${replayed} replayed, ${live} live` : "nothing of it sent";
    return {
      replayed, live, kept, recovered: client.recovered[1], catchup: client.catchup,
      cell: `${leak}; the other program ${kept ? "whole" : "**not whole**"}; ${client.told}`,
    };
  } finally {
    await system.stop();
  }
}
