// Instructions in user space that a broadcast costs, counted by callgrind: what timings on a busy machine hide.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { connectMany } from "../../../tests/e2e/support/raw_client.mjs";
import { tokenFor, temporaryFolder } from "../../../tests/e2e/support/server.mjs";
import { until } from "../../../tests/e2e/support/until.mjs";
import { program } from "../machine.mjs";
import { BODY, Crowd, during, startCrier } from "../systems.mjs";

/** Tells callgrind at work in `pid`: `-z` begins to count, `-d` writes what was counted. */
const control = (option, pid) => execFileSync("callgrind_control", [option, String(pid)], { stdio: "ignore" });

function counted(folder) {
  const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
  return texts.reduce((sum, text) => sum + Number(/^summary: (\d+)/m.exec(text)?.[1] ?? 0), 0);
}

/** Broadcasts one at a time, each when the last has reached every client. */
async function broadcast(server, count, arrived, each) {
  for (let i = 1; i <= count; i += 1) {
    const { status, text } = await server.post("p", BODY.replace("{now}", String(process.hrtime.bigint())));
    if (status !== 202) throw new Error(`publish: ${status} ${text}`);
    await until(() => arrived() >= i * each, { within: 60_000, what: () => `${i * each} deliveries, not ${arrived()}` });
  }
}

const crowds = Object.fromEntries([100, 1000, 10_000].map((members) => [members, new Crowd(members)]));

function instructions(members, workers) {
  const crowd = crowds[members];
  const env = { CRIER_SERVER_WORKERS: String(workers) };
  return async ({ quick }) => {
    const folder = temporaryFolder();
    const broadcasts = quick ? 5 : 20;
    const before = [program("valgrind"), "--tool=callgrind", `--callgrind-out-file=${join(folder, "counts")}`];
    return during(startCrier(crowd, { before, env }), async (server) => {
      let arrived = 0;
      const options = { keepText: false, onEvent: () => (arrived += 1) };
      const clients = await connectMany(server.port, members, (i) => ({ token: tokenFor(`u${i}`) }), options);
      await broadcast(server, 3, () => arrived, members);
      arrived = 0;
      control("-z", server.pid);
      await broadcast(server, broadcasts, () => arrived, members);
      control("-d", server.pid);
      const figures = { per_broadcast: counted(folder) / broadcasts, members };
      await Promise.all(clients.map((client) => (client.destroy(), once(client.socket, "close"))));
      return { ...figures, per_delivery: figures.per_broadcast / members };
    });
  };
}

/** What a member more costs, between two sizes: the publish itself is in both. */
const marginal = (less, more) => (more.per_broadcast - less.per_broadcast) / (more.members - less.members);

export const rows = [
  {
    name: "instructions",
    title: "Instructions of a broadcast, by the size of the room",
    needs: ["valgrind", "callgrind_control"],
    repetitions: 1,
    systems: {
      small: { title: "100 members", measure: instructions(100, 1) },
      middle: { title: "1,000 members", measure: instructions(1000, 1) },
      large: { title: "10,000 members", measure: instructions(10_000, 1) },
      middle_of_four: { title: "1,000, four workers", measure: instructions(1000, 4) },
      large_of_four: { title: "10,000, four workers", measure: instructions(10_000, 4) },
    },
    figures: [
      ["per_broadcast", "instructions a broadcast, the publish with it"],
      ["per_delivery", "a delivery"],
    ],
    targets: [
      {
        says: "a member more from 1,000 to 10,000, of one more from 100 to 1,000",
        of: (r) => marginal(r.middle, r.large) / marginal(r.small, r.middle),
        most: 1.05,
        unit: " ×",
      },
      {
        says: "a member more with four workers, of one more with one",
        of: (r) => marginal(r.middle_of_four, r.large_of_four) / marginal(r.middle, r.large),
        most: 1.05,
        unit: " ×",
      },
    ],
  },
];
