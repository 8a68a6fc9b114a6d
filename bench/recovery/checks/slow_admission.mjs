// The look at who the client is takes d ms while an event comes every 5 ms. Node: its middleware waits, the second
// time. Crier: its memberships are out of reach from when the client's handshake is done, for d ms; it asks again every
// 250 ms, so that its admission takes longer than d.

import { setTimeout as pause } from "node:timers/promises";
import { compare, Listener, sentence } from "../listener.mjs";

export const title = "An event every 5 ms, admission delayed by";
export const variants = [0, 20, 100, 300, 2000].map((ms) => ({ name: `${ms} ms`, ms }));
const people = { users: [{ id: "ada", name: "Ada", role: "requester", active: true }], members: [{ programId: "alpha", userId: "ada", active: true }] };

export async function run(start, { ms }) {
  const system = await start({ people });
  try {
    const client = await Listener.connect(system, "ada");
    const publisher = await system.publisher();
    const accepted = [];
    let number = 0;
    const tick = () => {
      const n = (number += 1);
      return publisher.publish("alpha", n).then(() => accepted.push(n));
    };
    const timer = setInterval(() => tick().catch(() => clearInterval(timer)), 5);
    await client.received(40);
    const delay = await system.slowAdmission(ms);
    const comeBack = client.leave();
    await pause(50);
    const opened = new Promise((done) => client.socket.io.once("open", done));
    comeBack();
    await opened;
    const from = performance.now();
    const came = client.connected(2).then(() => performance.now());
    await Promise.all([delay.connecting(), came]);
    const took = (await came) - from;
    await pause(300);
    clearInterval(timer);
    await delay.end();
    number += 1;
    await publisher.publish("alpha", number).then(() => accepted.push(number));
    await client.received(number);
    const result = compare(accepted, client.got);
    publisher.close();
    client.close();
    return {
      ...result, recovered: client.recovered[1], took,
      cell: `${sentence(result, client)} (${Math.round(took)} ms)`,
    };
  } finally {
    await system.stop();
  }
}
