// Nothing was published before the connection was lost.

import { setTimeout as pause } from "node:timers/promises";
import { compare, Listener, sentence } from "../listener.mjs";

export const title = "No event before the drop";
const people = { users: [{ id: "ada", name: "Ada", role: "requester", active: true }], members: [{ programId: "alpha", userId: "ada", active: true }] };

export async function run(start) {
  const system = await start({ people });
  try {
    const client = await Listener.connect(system, "ada");
    const comeBack = client.leave();
    await pause(100);
    await system.publish(["alpha"], 1);
    comeBack();
    await client.connected(2);
    await pause(100);
    await system.publish(["alpha"], 2);
    await client.received(2);
    const result = compare([1, 2], client.got);
    client.close();
    return { ...result, recovered: client.recovered[1], cell: sentence(result, client) };
  } finally {
    await system.stop();
  }
}
