// What a client that lost its connection gets, and is told: npm socket.io with connectionStateRecovery and Crier under
// the same nine checks, one after the other, each against servers of its own.
//
//   npm ci --prefix bench/recovery && npm ci --prefix tests/e2e
//   node bench/recovery/run.mjs [--json] [--only=slow_admission,quiet] [--systems=npm-memory,crier-memory]
//
// A Markdown table; --json prints all that was counted. redis-server is needed. Crier is
// build/release/bin/crier, or CRIER_BIN. A cell that could not be had says why.

import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import * as cost from "./checks/cost.mjs";
import * as idle from "./checks/idle.mjs";
import * as quiet from "./checks/quiet.mjs";
import * as revoked from "./checks/revoked.mjs";
import * as slow_admission from "./checks/slow_admission.mjs";
import * as stalled from "./checks/stalled.mjs";
import * as two_claims from "./checks/two_claims.mjs";
import * as unaware from "./checks/unaware.mjs";
import * as unnumbered from "./checks/unnumbered.mjs";
import { stepAside, SYSTEMS } from "./systems.mjs";

const CHECKS = { slow_admission, two_claims, revoked, unnumbered, quiet, unaware, stalled, cost, idle };

function wanted(option, all) {
  const given = process.argv.find((argument) => argument.startsWith(`--${option}=`));
  if (!given) return Object.keys(all);
  const names = given.slice(option.length + 3).split(",");
  for (const name of names) {
    if (!(name in all)) throw new Error(`--${option}: ${name} is none of ${Object.keys(all).join(", ")}`);
  }
  return names;
}

const version = (name) => createRequire(import.meta.url)(`./node_modules/${name}/package.json`).version;

async function measure(check, system, variant) {
  try {
    return await check.run(SYSTEMS[system].start, variant);
  } catch (error) {
    console.error(error);
    return { error: error.message, cell: `did not run: ${error.message.split("\n")[0].replaceAll("|", "/").slice(0, 120)}` };
  }
}

stepAside();
const systems = wanted("systems", SYSTEMS);
const rows = [];
for (const name of wanted("only", CHECKS)) {
  const check = CHECKS[name];
  for (const variant of check.variants ?? [{ name: "" }]) {
    const row = { check: name, title: `${check.title} ${variant.name}`.trim(), variant: variant.name, results: {} };
    for (const system of systems) {
      row.results[system] = await measure(check, system, variant);
      console.error(`${row.title} · ${SYSTEMS[system].title}: ${row.results[system].cell}`);
    }
    rows.push(row);
  }
}

const about = {
  machine: `${cpus()[0].model.trim()} × ${cpus().length}`,
  node: process.version,
  "socket.io": version("socket.io"),
  "socket.io-client": version("socket.io-client"),
  "@socket.io/redis-streams-adapter": version("@socket.io/redis-streams-adapter"),
  redis: /v=([\d.]+)/.exec(execFileSync("redis-server", ["--version"], { encoding: "utf8" }))[1],
  date: new Date().toISOString().slice(0, 10),
};
if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ about, rows }, null, 2));
} else {
  console.log(`${Object.entries(about).map(([key, value]) => `${key} ${value}`).join(" · ")}\n`);
  console.log(`| check | ${systems.map((system) => SYSTEMS[system].title).join(" | ")} |`);
  console.log(`|---|${systems.map(() => "---|").join("")}`);
  for (const { title, results } of rows) console.log(`| ${title} | ${systems.map((system) => results[system].cell).join(" | ")} |`);
}
process.exit(0);
