// One event to everybody: one at a time, and eight under way.

import { load } from "../load.mjs";
import { Crowd, during, publishing, reaching, startCrier, startFloor, startNode } from "../systems.mjs";

const figures = [
  ["deliveries_per_second", "deliveries/s"],
  ["cpu_us_per_delivery", "server CPU a delivery, µs"],
  ["frames_per_read", "frames a client reads at once"],
  ["broadcast_p50", "whole broadcast p50, µs"],
  ["broadcast_p99", "whole broadcast p99, µs"],
  ["generator_idle", "share of the time that the load waited"],
];

/** What a fan-out with `window` broadcasts under way found. */
function fanOut(crowd, start, window) {
  return ({ seconds }) =>
    during(start(crowd), async (server) => {
      const found = await load("fanout", {
        ...reaching(server, crowd),
        ...publishing(server),
        window,
        duration: seconds,
        spin: true,
      });
      return {
        deliveries_per_second: found.deliveries_per_second,
        cpu_us_per_delivery: found.cpu_us_per_delivery,
        frames_per_read: found.frames_per_read,
        broadcast_p50: found.broadcast_us.p50,
        broadcast_p99: found.broadcast_us.p99,
        generator_idle: found.generator_idle,
      };
    });
}

function oneAtATime(clients, { repetitions, cpu, rate }) {
  const crowd = new Crowd(clients);
  const many = clients.toLocaleString("en");
  return {
    name: `fanout-${clients}`,
    title: `Fan-out to ${many} clients, one event at a time`,
    needs: ["crier-floor"],
    repetitions,
    systems: {
      floor: { title: "floor", measure: fanOut(crowd, startFloor, 1) },
      crier: { title: "Crier", measure: fanOut(crowd, startCrier, 1) },
      node: { title: "npm socket.io", measure: fanOut(crowd, startNode, 1) },
    },
    figures,
    targets: [
      { says: "CPU a delivery, of the floor's", of: (r) => r.crier.cpu_us_per_delivery / r.floor.cpu_us_per_delivery, most: cpu, unit: " ×" },
      { says: "deliveries/s, of Node's", of: (r) => r.crier.deliveries_per_second / r.node.deliveries_per_second, least: rate, unit: " ×" },
    ],
  };
}

const perSend = (run) => run.cpu_us_per_delivery * run.frames_per_read;

function eightQueued() {
  const crowd = new Crowd(1000);
  return {
    name: "queued-1000",
    title: "Fan-out to 1,000 clients, eight events under way",
    needs: ["crier-floor"],
    repetitions: 3,
    systems: {
      floor: { title: "floor, 8 frames a send", measure: fanOut(crowd, (each) => startFloor(each, { batch: 8 }), 8) },
      crier: { title: "Crier", measure: fanOut(crowd, startCrier, 8) },
      node: { title: "npm socket.io", measure: fanOut(crowd, startNode, 8) },
    },
    figures,
    targets: [
      { says: "deliveries/s, of Node's", of: (r) => r.crier.deliveries_per_second / r.node.deliveries_per_second, least: 13, unit: " ×" },
      { says: "the floor's CPU a send, of Crier's", of: (r) => perSend(r.floor) / perSend(r.crier), least: 0.95, unit: " ×" },
    ],
  };
}

export const rows = [
  oneAtATime(1000, { repetitions: 7, cpu: 1.05, rate: 2.2 }),
  oneAtATime(10_000, { repetitions: 3, cpu: 1.1, rate: 2.8 }),
  eightQueued(),
];
