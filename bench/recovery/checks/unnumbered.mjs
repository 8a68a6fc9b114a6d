// The last event before the connection is lost is one outside the history.

import { setTimeout as pause } from "node:timers/promises";
import { compare, Listener, sentence } from "../listener.mjs";

export const title = "The last event before the drop is outside the history";
const people = { users: [{ id: "ada", name: "Ada", role: "requester", active: true }], members: [{ programId: "alpha", userId: "ada", active: true }] };

export async function run(start) {
  const system = await start({ people, env: { relayRedis: "1" } });
  try {
    const client = await Listener.connect(system, "ada");
    await system.publish(["alpha"], 1);
    await client.received(1);
    const { how, restore } = await system.unnumbered("alpha");
    const outside = await arrived(client);
    const comeBack = client.leave();
    await pause(100);
    await restore();
    await system.publish(["alpha"], 2);
    await system.publish(["alpha"], 3);
    comeBack();
    await client.connected(2);
    await system.publish(["alpha"], 4);
    await client.received(4);
    const result = compare([1, 2, 3, 4], client.got);
    const recovered = client.recovered.at(-1);
    client.close();
    return { ...result, how, recovered, catchup: client.catchup, cell: `${sentence(result, client)} (${how}${outside ? "" : ", and not received"})` };
  } finally {
    await system.stop();
  }
}

async function arrived(client) {
  await pause(300);
  return client.got.some(({ n }) => n === "hello" || n === "0");
}
