// POSTs to the publish API as fast as sixteen connections get answers, with a hundred clients in the room.

import { Redis } from "../../../tests/e2e/support/redis.mjs";
import { load } from "../load.mjs";
import { cpuMicroseconds, LOAD_CORE, pin } from "../machine.mjs";
import { median } from "../figures.mjs";
import { Crowd, during, publishing, reaching, startCrier, startNode } from "../systems.mjs";

const crowd = new Crowd(100);
const LOOK_MS = 100;

async function publish(server, seconds, { spin, running }) {
  const options = { ...reaching(server, crowd), ...publishing(server), publishers: 16, duration: seconds, spin };
  const found = await load("publish", options, { running });
  return {
    publishes_per_second: found.publishes_per_second,
    cpu_us_per_publish: found.cpu_us_per_publish,
    answer_p50: found.publish_us.p50,
    answer_p99: found.publish_us.p99,
    frames_per_read: found.frames_per_read,
    generator_idle: found.generator_idle,
  };
}

const alone = (start) => ({ seconds }) => during(start(crowd), (server) => publish(server, seconds, { spin: true }));

/** Looks at how busy `pid` is until `child` ends. → a function that gives the shares of a core so far */
function watch(pid, child) {
  const shares = [];
  let last = [performance.now(), cpuMicroseconds(pid)];
  const timer = setInterval(() => {
    const now = [performance.now(), cpuMicroseconds(pid)];
    shares.push((now[1] - last[1]) / 1000 / (now[0] - last[0]));
    last = now;
  }, LOOK_MS);
  child.once("exit", () => clearInterval(timer));
  return () => shares;
}

/** Redis has the load's core, and a load that sleeps leaves it to it. */
async function withRedis({ seconds }) {
  const redis = await Redis.start();
  try {
    pin(redis.child.pid, LOAD_CORE);
    return await during(startCrier(crowd, { redisUrl: redis.url }), async (server) => {
      let shares;
      const figures = await publish(server, seconds, { spin: false, running: (child) => (shares = watch(redis.child.pid, child)) });
      // Connecting, warm-up and the end are what the least busy moments are.
      const busy = shares().filter((share) => share > Math.max(...shares()) / 2);
      return { ...figures, redis_us_per_publish: (median(busy) * 1e6) / figures.publishes_per_second, redis_percent: 100 * median(busy) };
    });
  } finally {
    await redis.kill();
  }
}

export const rows = [
  {
    name: "publishes",
    title: "Publishes over HTTP, 16 connections, 100 clients in the room",
    needs: ["redis-server", "redis-cli"],
    repetitions: 3,
    systems: {
      crier: { title: "Crier, memory", measure: alone(startCrier) },
      redis: { title: "Crier, Redis", measure: withRedis },
      node: { title: "npm socket.io, memory", measure: alone(startNode) },
    },
    figures: [
      ["publishes_per_second", "publishes/s"],
      ["cpu_us_per_publish", "server CPU a publish with its 100 deliveries, µs"],
      ["redis_us_per_publish", "Redis' CPU a publish, µs"],
      ["redis_percent", "Redis' CPU, % of its core"],
      ["answer_p50", "answer p50, µs"],
      ["answer_p99", "answer p99, µs"],
      ["frames_per_read", "frames a client reads at once"],
      ["generator_idle", "share of the time that the load waited"],
    ],
    targets: [
      { says: "publishes/s in memory, of Node's", of: (r) => r.crier.publishes_per_second / r.node.publishes_per_second, least: 18, unit: " ×" },
      { says: "publishes/s with Redis", of: (r) => r.redis.publishes_per_second, least: 20_000 },
      { says: "Crier's CPU a publish with Redis, of that in memory", of: (r) => r.redis.cpu_us_per_publish / r.crier.cpu_us_per_publish, most: 1.25, unit: " ×" },
    ],
  },
];
