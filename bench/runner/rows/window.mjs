// What waiting for others costs an event, and saves: `[engine] flush_window` at a steady rate of small events.

import { load } from "../load.mjs";
import { Crowd, during, publishing, reaching, startCrier } from "../systems.mjs";

const crowd = new Crowd(100);
const RATE = 10_000;

const within = (window) => ({
  title: window,
  measure: ({ seconds }) =>
    during(startCrier(crowd, { env: { CRIER_ENGINE_FLUSH_WINDOW: window } }), async (server) => {
      const options = { ...reaching(server, crowd), ...publishing(server), publishers: 16, rate: RATE, duration: seconds, spin: true };
      const found = await load("fanout", options);
      return {
        cpu_percent: 100 * found.server.cpu_share,
        cpu_us_per_delivery: found.cpu_us_per_delivery,
        frames_per_read: found.frames_per_read,
        latency_p50: found.latency_us.p50,
        latency_p99: found.latency_us.p99,
      };
    }),
});

export const rows = [
  {
    name: "flush-window",
    title: "10,000 events a second to 100 clients, by flush_window",
    needs: [],
    repetitions: 3,
    systems: { none: within("0us"), w100: within("100us"), w250: within("250us"), w500: within("500us"), w1000: within("1ms") },
    figures: [
      ["cpu_percent", "server CPU, % of a core"],
      ["cpu_us_per_delivery", "server CPU a delivery, µs"],
      ["frames_per_read", "frames a client reads at once"],
      ["latency_p50", "publish to delivery p50, µs"],
      ["latency_p99", "publish to delivery p99, µs"],
    ],
    targets: [],
  },
];
