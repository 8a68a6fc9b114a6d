// Real daemons, a real Redis and official clients, and everything breaks; then what each client's handlers saw is held
// against the promise. See run.
//
//   chaos.mjs [--minutes N] [--seed S]
//   chaos.mjs --record FILE     judges again what an episode left in build/chaos/SEED/record.json

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { repository } from "../e2e/support/server.mjs";
import { judge } from "./judge.mjs";
import { now, read_record, write_record } from "./record.mjs";
import { count_up, missing, tell_violations } from "./report.mjs";
import { Scene } from "./scene.mjs";

const EPISODE = 90_000;
/** What an episode takes besides its faults. */
const OVERHEAD = 20_000;

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "1" }, seed: { type: "string" }, record: { type: "string" } },
});
const minutes = Number(values.minutes);
const first_seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
if (!(minutes > 0) || !Number.isInteger(first_seed)) {
  console.error("usage: tests/chaos/run [--minutes N] [--seed S]");
  process.exit(2);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));
const limit = setTimeout(() => {
  console.log("chaos: 0 passed, 1 failed");
  console.error("the run does not come to its end");
  process.exit(1);
}, (minutes * 2 + 8) * 60_000);

/** One episode; returns what was found. */
async function episode(seed, milliseconds, totals) {
  const folder = join(repository, "build/chaos", String(seed));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const scene = new Scene(seed, folder);
  const found = [];
  try {
    await scene.open();
    await scene.rampage(milliseconds);
    await scene.settle();
  } catch (error) {
    found.push(`the episode broke off: ${error.stack}`);
  }
  if (scene.publishers) {
    found.push(...verdict(scene));
    count_up(totals, scene);
  }
  found.push(...scene.problems, ...(scene.publishers?.problems ?? []), ...(scene.members?.problems ?? []));
  await scene.close();
  const judged = scene.clients.length + 1;
  for (const problem of found.filter((one) => typeof one === "string")) console.log(`${problem}\n`);
  console.log(`seed ${seed} ${JSON.stringify(scene.plan)}: ${found.length === 0 ? "no violation" : `${found.length} violations`}`);
  return { found: found.length, judged, clients: scene.clients };
}

function verdict(scene) {
  const record = scene.record();
  writeFileSync(join(scene.folder, "record.json"), write_record(record));
  const violations = judge(record);
  for (const text of tell_violations(record, violations)) {
    console.log(`${text}\n`);
    scene.tell(text);
  }
  return violations;
}

if (values.record) {
  const record = read_record(readFileSync(values.record, "utf8"));
  const told = tell_violations(record, judge(record));
  console.log(told.join("\n\n"));
  process.exit(told.length > 0 ? 1 : 0);
}
console.log(`seed ${first_seed}`);
const end = now() + minutes * 60_000;
const totals = {};
let failed = 0;
let passed = 0;
let clients = [];
for (let seed = first_seed; seed === first_seed || end - now() > OVERHEAD + 10_000; seed += 1) {
  const result = await episode(seed, Math.max(15_000, Math.min(EPISODE, end - now()) - OVERHEAD), totals);
  failed += result.found;
  passed += Math.max(0, result.judged - result.found);
  clients = result.clients;
}
for (const what of Object.keys(totals).sort()) console.log(`  ${String(totals[what]).padStart(8)}  ${what}`);
for (const what of missing(totals, clients, minutes)) {
  console.log(`nothing of this happened: ${what}`);
  failed += 1;
}
console.log(`chaos: ${passed} passed, ${failed} failed`);
clearTimeout(limit);
process.exit(failed > 0 ? 1 : 0);
