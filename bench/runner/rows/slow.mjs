// 100,000 events in 250 programs of 20 members, below what the core could do, once with all clients reading
// and once with a tenth that read slowly or not at all. The events are large, since a kernel keeps some MiB for a
// client that does not read before the server hears of it.

import { load } from "../load.mjs";
import { peakResidentBytes } from "../machine.mjs";
import { BODY, Crowd, during, publishing, reaching, startCrier } from "../systems.mjs";

const MIB = 1024 * 1024;
const CLIENTS = 5000;
const PROGRAMS = Array.from({ length: 250 }, (_, i) => `p${i}`);
// The load's slow clients are every tenth: so each program has its share of them.
const crowd = new Crowd(CLIENTS, (i) => PROGRAMS[Math.floor(i / (CLIENTS / PROGRAMS.length))]);
const RATE = 2000;
const BACKLOG = 64 * 1024;
const SLOW = 0.1;
// Histories small enough not to hide what the queues take.
const ENV = { CRIER_ENGINE_BACKLOG_BYTES_MAX: String(BACKLOG), CRIER_HISTORY_BYTES_MAX: String(BACKLOG) };

function run(slow) {
  return ({ quick }) =>
    during(startCrier(crowd, { env: ENV }), async (server) => {
      const options = {
        ...reaching(server, crowd),
        ...publishing(server, PROGRAMS),
        publish_body: BODY.replace('"now"', `"text":"${"x".repeat(10_000)}","now"`),
        publishers: 16,
        rate: RATE,
        duration: quick ? 4 : 100_000 / RATE,
        spin: true,
        slow: slow > 0 ? slow : undefined,
      };
      // A broadcast is for one program's members, so it never reaches all clients.
      const found = await load("fanout", options, { allow: ["broadcast incomplete", "broadcast overtaken"] });
      return {
        deliveries_per_second: found.deliveries_per_second,
        latency_p50: found.latency_us.p50,
        latency_p99: found.latency_us.p99,
        cpu_percent: 100 * found.server.cpu_share,
        growth_mib: (peakResidentBytes(server.pid) - found.memory.rss_connected) / MIB,
        closed: found.slow?.closed,
      };
    });
}

export const rows = [
  {
    name: "slow",
    title: "100,000 events through 5,000 clients, a tenth of them slow",
    needs: [],
    repetitions: 1,
    systems: {
      all: { title: "all read", measure: run(0) },
      slow: { title: "a tenth slow", measure: run(SLOW) },
    },
    figures: [
      ["deliveries_per_second", "deliveries/s to those that read"],
      ["latency_p50", "their latency p50, µs"],
      ["latency_p99", "their latency p99, µs"],
      ["cpu_percent", "server CPU, % of its core"],
      ["growth_mib", "most memory over that of connected clients, MiB"],
      ["closed", "slow clients that were closed"],
    ],
    targets: [
      { says: "p99 of those that read, of the same without slow ones", of: (r) => r.slow.latency_p99 / r.all.latency_p99, most: 1.5, unit: " ×" },
      {
        says: "memory more than without slow ones: at most their 500 queues of 64 KiB",
        of: (r) => r.slow.growth_mib - r.all.growth_mib,
        most: (CLIENTS * SLOW * BACKLOG) / MIB,
        unit: " MiB",
      },
    ],
  },
];
