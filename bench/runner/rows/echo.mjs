// An event with 200 bytes, answered by an ack with the same.

import { load } from "../load.mjs";
import { Crowd, during, reaching, startEcho, startFloor, startNode } from "../systems.mjs";

const crowds = [new Crowd(1), new Crowd(200)];

function echo(start) {
  return ({ seconds }) =>
    during(start(crowds[1]), async (server) => {
      const run = (crowd) => load("echo", { ...reaching(server, crowd), duration: seconds, spin: true });
      const alone = await run(crowds[0]);
      const together = await run(crowds[1]);
      return {
        round_trip_p50: alone.round_trip_us.p50,
        round_trip_p99: alone.round_trip_us.p99,
        acks_per_second: together.acks_per_second,
        cpu_us_per_ack: together.cpu_us_per_ack,
        together_p50: together.round_trip_us.p50,
      };
    });
}

export const rows = [
  {
    name: "echo",
    title: "Echo with acknowledgement",
    needs: ["crier-floor", "crier-echo"],
    repetitions: 3,
    systems: {
      floor: { title: "floor", measure: echo(startFloor) },
      crier: { title: "Crier, the library", measure: echo(startEcho) },
      node: { title: "npm socket.io", measure: echo(startNode) },
    },
    figures: [
      ["round_trip_p50", "one client: round trip p50, µs"],
      ["round_trip_p99", "one client: round trip p99, µs"],
      ["acks_per_second", "200 clients: acks/s"],
      ["cpu_us_per_ack", "200 clients: server CPU an ack, µs"],
      ["together_p50", "200 clients: round trip p50, µs"],
    ],
    targets: [
      { says: "one client's round trip, of the floor's", of: (r) => r.crier.round_trip_p50 / r.floor.round_trip_p50, most: 1.15, unit: " ×" },
      { says: "200 clients' acks/s, of the floor's", of: (r) => r.crier.acks_per_second / r.floor.acks_per_second, least: 0.9, unit: " ×" },
    ],
  },
];
