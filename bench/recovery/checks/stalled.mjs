// 200,000 events of 1 KiB to a client that stops reading: what the server keeps for it, and what the client has when
// it reads again. Without the history's own memory, which is filled before.

import { setTimeout as pause } from "node:timers/promises";
import { compare, Listener } from "../listener.mjs";
import { Growth, mebibytes } from "../process.mjs";
import { until } from "../../../tests/e2e/support/until.mjs";

const COUNT = Number(process.env.CRIER_BENCH_STALLED ?? 200_000);
const WARM_UP = 5_000;
export const title = `${COUNT.toLocaleString("en")} events of 1 KiB to a client that stops reading`;
const people = { users: [{ id: "ada", name: "Ada", role: "requester", active: true }], members: [{ programId: "alpha", userId: "ada", active: true }] };

export async function run(start) {
  const system = await start({ people });
  try {
    const client = await Listener.connect(system, "ada");
    const publisher = await system.publisher();
    await publisher.burst(WARM_UP, (i) => ["alpha", i + 1], 1024);
    await client.received(WARM_UP, 60_000);
    client.link.stall();
    const server = new Growth([system.pid]);
    const redis = system.redis ? new Growth([system.redis.child.pid]) : null;
    await publisher.burst(COUNT, (i) => ["alpha", WARM_UP + i + 1], 1024);
    await pause(500);
    const [grew, redisGrew] = [server.stop(), redis?.stop()];
    client.link.resume();
    await until(async () => {
      await publisher.publish("alpha", WARM_UP + COUNT + 1, 1024);
      return client.got.at(-1)?.n === String(WARM_UP + COUNT + 1);
    }, { within: 60_000, every: 500, what: () => `the last event; has ${client.got.length}, the last ${client.got.at(-1)?.n}` });
    const owed = Array.from({ length: WARM_UP + COUNT }, (_, i) => i + 1);
    const result = compare(owed, client.got.filter(({ n }) => Number(n) <= WARM_UP + COUNT));
    const closed = client.closes.length;
    const recovered = client.recovered.at(-1);
    client.close();
    publisher.close();
    const told = closed === 0 ? "still connected" : `closed ${closed} ×, back with ${client.told}`;
    const whole = result.lost === 0 ? "whole" : closed > 0 && !recovered ? `${result.lost.toLocaleString("en")} lost and told` : `**${result.lost} lost untold**`;
    const faults = result.twice + result.disordered > 0 ? `, **${result.twice} twice, ${result.disordered} out of order**` : "";
    return {
      ...result, grew, redisGrew, closes: client.closes, recovered, catchup: client.catchup,
      cell: `RSS +${mebibytes(grew)}${redis ? ` (Redis +${mebibytes(redisGrew)})` : ""}; ${told}, ${whole}${faults}`,
    };
  } finally {
    await system.stop();
  }
}
