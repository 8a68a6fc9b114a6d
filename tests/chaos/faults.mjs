// What is done to nodes, to their ways to Redis, and to Redis. Each has things whole again when it resolves, and says what
// clients may be told because of it: `resets` (a new epoch), `gaps`, `splits` (two instances took events at one time),
// `forgets` (keys of publishers may be lost), `history` (a node was without its history for a while).

import { setTimeout as pause } from "node:timers/promises";

const between = (random, least, most) => least + random() * (most - least);
const one_of = (random, list) => list[Math.floor(random() * list.length)];
const HISTORY = { history: true };
const LOST = { history: true, resets: true, gaps: true, forgets: true };
const MOVED = { ...LOST, splits: true };

/** kind → {flags, run(scene, random, note)}; `note(text)` tells what is done. */
export const NODE_FAULTS = {
  kill: {
    flags: HISTORY,
    async run(scene, random, note) {
      const node = one_of(random, scene.nodes);
      note(`kill -9 ${node.name}`);
      await node.end("SIGKILL");
      await pause(between(random, 0, 1200));
      await node.start();
    },
  },
  deploy: {
    flags: HISTORY,
    async run(scene, random, note) {
      const node = one_of(random, scene.nodes);
      note(`SIGTERM to ${node.name}`);
      await node.end("SIGTERM");
      await node.start();
    },
  },
  stand: {
    flags: HISTORY,
    async run(scene, random, note) {
      const node = one_of(random, scene.nodes);
      const time = between(random, 200, random() < 0.3 ? 6000 : 1500);
      note(`${node.name} stands still for ${Math.round(time)} ms`);
      await node.stand_still(time);
    },
  },
};

function one_link(scene, random) {
  const node = one_of(random, scene.nodes);
  const link = one_of(random, node.links);
  return { name: `${node.name}'s way to ${link === node.sentinel_link ? "the Sentinel" : "Redis"}`, link };
}

export const LINK_FAULTS = {
  link_reset: {
    flags: HISTORY,
    async run(scene, random, note) {
      const { name, link } = one_link(scene, random);
      note(`${name} is reset, ${link.all("reset")} connections`);
    },
  },
  link_half: {
    flags: HISTORY,
    async run(scene, random, note) {
      const { name, link } = one_link(scene, random);
      const what = one_of(random, ["half_near", "half_far"]);
      note(`${name} is closed in one direction, ${what}, ${link.all(what, () => random() < 0.6)} connections`);
    },
  },
  link_refuse: {
    flags: HISTORY,
    async run(scene, random, note) {
      const { name, link } = one_link(scene, random);
      const time = between(random, 300, 3000);
      note(`${name} is cut for ${Math.round(time)} ms`);
      link.refuse();
      await pause(time);
      link.mend();
    },
  },
  link_stall: {
    flags: HISTORY,
    async run(scene, random, note) {
      const { name, link } = one_link(scene, random);
      const time = between(random, 200, 4000);
      note(`${name} carries nothing for ${Math.round(time)} ms`);
      link.stall();
      await pause(time);
      link.mend();
    },
  },
  link_delay: {
    flags: HISTORY,
    async run(scene, random, note) {
      const { name, link } = one_link(scene, random);
      link.delay = between(random, 5, 250);
      note(`${name} takes ${Math.round(link.delay)} ms longer`);
      await pause(between(random, 500, 2000));
      link.mend();
    },
  },
};

const REDIS_FAULTS = {
  deafen: {
    flags: HISTORY,
    async run({ redis }, _, note) {
      note(`CLIENT KILL of ${await redis.current.command("CLIENT", "KILL", "TYPE", "pubsub")} subscribers`);
    },
  },
  disconnect: {
    flags: HISTORY,
    async run({ redis }, _, note) {
      note(`CLIENT KILL of ${await redis.current.command("CLIENT", "KILL", "TYPE", "normal")} connections`);
    },
  },
  stumble: {
    flags: HISTORY,
    async run({ redis }, random, note) {
      const time = between(random, 50, 600);
      note(`Redis stands still for ${Math.round(time)} ms`);
      redis.current.child.kill("SIGSTOP");
      await pause(time);
      redis.current.child.kill("SIGCONT");
    },
  },
  full: {
    flags: HISTORY,
    async run({ redis }, random, note) {
      const time = between(random, 300, 2500);
      note(`Redis takes nothing more for ${Math.round(time)} ms: maxmemory without eviction`);
      const server = redis.current;
      await server.command("CONFIG", "SET", "maxmemory", "1");
      await pause(time);
      await server.command("CONFIG", "SET", "maxmemory", "0");
    },
  },
  flush: {
    flags: LOST,
    async run({ redis }, _, note) {
      note("FLUSHALL");
      await redis.current.command("FLUSHALL");
    },
  },
  evict: {
    flags: LOST,
    async run({ redis }, random, note) {
      const server = redis.current;
      const policy = one_of(random, ["allkeys-lru", "allkeys-random", "volatile-lru", "volatile-ttl"]);
      const used = Number(/used_memory:(\d+)/.exec(await server.command("INFO", "memory"))[1]);
      note(`Redis evicts keys: ${policy}`);
      await server.command("CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", String(used));
      for (let i = 0; i < 20; i += 1) await server.command("SET", `pressure:${i}`, "x".repeat(20_000), "PX", "60000");
      await pause(between(random, 100, 1500));
      await server.command("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction");
    },
  },
  spoil: {
    flags: LOST,
    async run({ redis, programs }, random, note) {
      const key = `socket:events:program:${one_of(random, programs)}`;
      note(`${key} is of another type`);
      const server = redis.current;
      await server.command("SET", key, "spoilt");
      await pause(between(random, 100, 1500));
      await server.command("DEL", key);
    },
  },
};

const SINGLE_FAULTS = {
  freeze: {
    flags: HISTORY,
    async run({ redis }, random, note) {
      const time = between(random, 2200, 6000);
      note(`Redis stands still for ${Math.round(time)} ms`);
      redis.current.child.kill("SIGSTOP");
      await pause(time);
      redis.current.child.kill("SIGCONT");
    },
  },
  restart: {
    flags: LOST,
    async run({ redis, plan }, random, note) {
      const signal = one_of(random, ["SIGKILL", "SIGTERM"]);
      note(`${signal} to Redis, ${plan.keeps ? "which keeps its data" : "whose data are gone"}`);
      await redis.current.kill(signal);
      await pause(between(random, 0, 1500));
      await redis.current.start();
    },
  },
  /** An address moves to a replica that lacks the end; the next time back to the first, whose process went on. */
  swap: {
    flags: MOVED,
    async run({ redis, nodes }, random, note) {
      const { spare } = redis;
      if (!spare.running) await spare.start();
      await spare.follow(redis.current);
      await spare.command("REPLICAOF", "NO", "ONE");
      await pause(between(random, 20, 800));
      note(`Redis moves to ${spare.name}, which lacks the end`);
      for (const { front } of nodes) front.refuse();
      await pause(between(random, 0, 300));
      redis.current = spare;
      for (const { front } of nodes) {
        front.chosen = redis.servers.indexOf(spare);
        front.mend();
      }
    },
  },
};

const SENTINEL_FAULTS = {
  failover: {
    flags: MOVED,
    async run({ redis }, _, note) {
      const master = redis.current;
      await redis.paired();
      note(`SENTINEL FAILOVER from ${master.name}: ${await redis.sentinel.command("SENTINEL", "FAILOVER", "crier")}`);
      await redis.switched(master);
      await redis.paired();
    },
  },
  kill_master: {
    flags: MOVED,
    async run({ redis }, random, note) {
      const master = redis.current;
      await redis.paired();
      note(`kill -9 ${master.name}, the master`);
      await master.kill();
      await redis.switched(master);
      await pause(between(random, 0, 1500));
      await master.start();
      await redis.paired();
    },
  },
  freeze_master: {
    flags: MOVED,
    async run({ redis }, random, note) {
      const master = redis.current;
      await redis.paired();
      const time = between(random, 2500, 6000);
      note(`${master.name}, the master, stands still for ${Math.round(time)} ms`);
      master.child.kill("SIGSTOP");
      await pause(time);
      const port = await redis.sentinel.master_port();
      master.child.kill("SIGCONT");
      if (port !== master.port) await redis.switched(master);
      await redis.paired();
    },
  },
};

export function redis_faults({ topology }) {
  return { ...REDIS_FAULTS, ...(topology === "sentinel" ? SENTINEL_FAULTS : SINGLE_FAULTS) };
}

const EDGES = ["reset", "reset", "reset", "half_near", "half_far", "stall", "move", "move", "away", "delay"];

/** One thing to one client's connections. */
export function trouble({ fronts, nodes, count }, random) {
  const front = one_of(random, fronts);
  const what = one_of(random, EDGES);
  if (what === "move") front.move(Math.floor(random() * nodes.length));
  else if (what === "away") {
    front.refuse();
    setTimeout(() => front.mend(), between(random, 100, random() < 0.2 ? 12_000 : 3000));
  } else if (what === "delay") {
    front.delay = between(random, 5, 120);
    setTimeout(() => front.mend(), between(random, 200, 2000));
  } else front.all(what);
  if (what === "move" || what === "away" || what === "delay") count(what);
}
