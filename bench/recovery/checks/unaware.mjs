// A client that knows no recovery loses its connection, and comes back by itself. Older official clients say nothing of
// where they stood, unless `auth` is a function with one line of the application's; a client whose `auth` is constant
// can give a `session`.

import { setTimeout as pause } from "node:timers/promises";
import { io as io_3_1 } from "socket.io-client-3.1";
import { io as io_4_5 } from "socket.io-client-4.5";
import { compare, faults, Listener } from "../listener.mjs";

export const title = "A client without recovery,";
export const variants = [
  { name: "socket.io-client 3.1", io: io_3_1 },
  { name: "socket.io-client 4.5", io: io_4_5 },
  { name: "socket.io-client 3.1 with `auth.lastEventId`", io: io_3_1, keeps: "lastEventId" },
  { name: "socket.io-client 4.5 with `auth.lastEventId`", io: io_4_5, keeps: "lastEventId" },
  { name: "socket.io-client 4.5 with a constant `auth.session`", io: io_4_5, keeps: "session" },
];
const people = { users: [{ id: "ada", name: "Ada", role: "requester", active: true }], members: [{ programId: "alpha", userId: "ada", active: true }] };
const [BEFORE, AWAY] = [10, 5];

export async function run(start, { io, keeps }) {
  // A session moves with the pings that were answered.
  const system = await start({ people, env: { CRIER_ENGINE_PING_INTERVAL: "500ms" } });
  try {
    const client = await Listener.connect(system, "ada", { io, keeps });
    let number = 0;
    const publish = async (count) => {
      for (let i = 0; i < count; i += 1) await system.publish(["alpha"], (number += 1));
    };
    await publish(BEFORE);
    await client.received(BEFORE);
    await pause(1200);
    const comeBack = client.leave();
    await pause(100);
    await publish(AWAY);
    comeBack();
    await client.connected(2);
    await pause(200);
    await publish(1);
    await client.received(number);
    const result = compare(Array.from({ length: number }, (_, i) => i + 1), client.got);
    const told = client.verdicts.map((verdict) => `\`${verdict}\``).join(", ");
    client.close();
    return { ...result, catchup: client.catchup, cell: `${faults(result)}; ${told || (result.lost > 0 ? "**untold**" : "no word")}` };
  } finally {
    await system.stop();
  }
}
