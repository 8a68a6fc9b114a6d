// Coming in and being there: connects, memory, and what nineteen thousand clients cost that do nothing.

import { load } from "../load.mjs";
import { Crowd, during, reaching, startCrier, startFloor, startNode } from "../systems.mjs";

/** Connects everybody and holds them for `hold` seconds. */
function connectAll(crowd, start, hold = 1) {
  return ({ quick }) =>
    during(start(crowd), async (server) => {
      const duration = quick ? 1 : hold;
      const found = await load("idle", { ...reaching(server, crowd), duration, spin: hold === 1 });
      return {
        connects_per_second: found.connect.per_second,
        cpu_us_per_connect: found.server.cpu_us_per_connect,
        handshake_p99: found.connect.handshake_us.p99,
        bytes_per_connection: found.memory.bytes_per_connection,
        cpu_percent: hold === 1 ? undefined : 100 * found.server.cpu_share,
      };
    });
}

const ten = new Crowd(10_000);
const nineteen = new Crowd(19_000);
const memory = ["bytes_per_connection", "RSS an idle connection, bytes"];

export const rows = [
  {
    name: "connects",
    title: "10,000 clients connect: token, user and membership, room",
    needs: ["crier-floor"],
    repetitions: 3,
    systems: {
      floor: { title: "floor", measure: connectAll(ten, startFloor) },
      crier: { title: "Crier", measure: connectAll(ten, startCrier) },
      node: { title: "npm socket.io", measure: connectAll(ten, startNode) },
    },
    figures: [
      ["connects_per_second", "connects/s"],
      ["cpu_us_per_connect", "server CPU a connect, µs"],
      ["handshake_p99", "handshake p99 with 128 under way, µs"],
      memory,
    ],
    targets: [
      { says: "connects/s, of Node's", of: (r) => r.crier.connects_per_second / r.node.connects_per_second, least: 25, unit: " ×" },
      { says: "Node's CPU a connect, of Crier's", of: (r) => r.node.cpu_us_per_connect / r.crier.cpu_us_per_connect, least: 25, unit: " ×" },
      { says: "RSS an idle connection", of: (r) => r.crier.bytes_per_connection, most: 1536, unit: " bytes" },
    ],
  },
  {
    name: "memory",
    title: "Memory of idle connections, at 10,000 and at 19,000",
    needs: [],
    repetitions: 3,
    systems: {
      ten: { title: "Crier, 10,000", measure: connectAll(ten, startCrier) },
      nineteen: { title: "Crier, 19,000", measure: connectAll(nineteen, startCrier) },
    },
    figures: [memory],
    targets: [
      { says: "RSS an idle connection at 10,000", of: (r) => r.ten.bytes_per_connection, most: 1536, unit: " bytes" },
      { says: "the same at 19,000, of that at 10,000", of: (r) => r.nineteen.bytes_per_connection / r.ten.bytes_per_connection, most: 1.1, unit: " ×" },
    ],
  },
  {
    name: "idle",
    title: "19,000 clients that do nothing, for 30 s, with a heartbeat each every 25 s",
    needs: [],
    repetitions: 1,
    systems: { crier: { title: "Crier", measure: connectAll(nineteen, startCrier, 30) } },
    figures: [["cpu_percent", "CPU, % of a core"], memory],
    targets: [{ says: "CPU of a core", of: (r) => r.crier.cpu_percent, most: 1, unit: " %" }],
  },
];
