// The rows of the bench, one after another: each of its systems in turn, again and again, then medians.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { insert, judge, markdown, summarise, text } from "./figures.mjs";

const repository = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const page = join(repository, "docs/performance.md");
/** Systems of the rows that are not Crier. */
const PEERS = ["floor", "node"];

const USAGE = `bench/run [ROW …] [--repetitions N] [--seconds S] [--quick] [--urgent] [--docs] [--list] [--before FOLDER]
  ROW             which of them (all); --list names them
  --repetitions   of each system of a row (7 for the first row, 3 for most, 1 where a run is long)
  --seconds       that a window lasts (3)
  --quick         one repetition of one second: whether it works, not how fast
  --urgent        servers and load go before other work of the machine (root)
  --docs          writes the tables into docs/performance.md
  --before        the programs of an earlier build, measured by turns with these
Every run is in build/bench/ as JSON. The programs are those of build/release/bin, or CRIER_BIN; ./run --build makes them.`;

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      repetitions: { type: "string" },
      seconds: { type: "string" },
      quick: { type: "boolean", default: false },
      urgent: { type: "boolean", default: false },
      docs: { type: "boolean", default: false },
      before: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  for (const name of ["repetitions", "seconds"]) {
    if (values[name] === undefined) continue;
    if (!/^[1-9][0-9]{0,2}$/.test(values[name])) {
      throw new Error(`--${name} must be a whole number from 1 to 999, not "${values[name]}"`);
    }
    values[name] = Number(values[name]);
  }
  if (values.before !== undefined && values.docs) throw new Error("--docs has no place for --before");
  if (values.before !== undefined && !existsSync(join(values.before, "crier"))) {
    throw new Error(`--before: there is no ${join(values.before, "crier")}`);
  }
  if (values.quick && values.docs) throw new Error("--quick measures nothing worth --docs");
  return { ...values, rows: positionals };
}

/** The rows by name; imported late, since they need the npm packages of the end-to-end tests. */
async function allRows() {
  if (!existsSync(join(repository, "tests/e2e/node_modules/jsonwebtoken"))) {
    throw new Error("the npm packages are missing: npm ci --prefix tests/e2e installs them");
  }
  const rows = {};
  for (const file of ["fanout", "connect", "echo", "publish", "window", "instructions", "slow"]) {
    for (const row of (await import(`./rows/${file}.mjs`)).rows) rows[row.name] = row;
  }
  return rows;
}

async function choose(rows, names) {
  const unknown = names.find((name) => !(name in rows));
  if (unknown !== undefined) throw new Error(`there is no row "${unknown}", only ${Object.keys(rows).join(", ")}`);
  const chosen = names.length === 0 ? Object.values(rows) : names.map((name) => rows[name]);
  const { missing } = await import("./machine.mjs");
  const lacking = missing([...new Set(chosen.flatMap((row) => row.needs))]);
  if (lacking.length > 0) throw new Error(`these are missing: ${lacking.join(", ")}`);
  return chosen;
}

function about() {
  const git = (...args) => execFileSync("git", ["-C", repository, ...args], { encoding: "utf8" }).trim();
  // A docs/performance.md that this writes changes nothing that is measured.
  const changed = git("status", "--porcelain", "-uno", "--", ":!docs") === "" ? "" : " with changes";
  return {
    date: new Date().toISOString(),
    commit: git("rev-parse", "--short=10", "HEAD") + changed,
    machine: `${cpus()[0].model.trim()}, ${cpus().length} cores`,
    node: process.version,
  };
}

/** Each system that is not a peer twice, the second time of the build in `before`. */
function besideEarlier(row, before) {
  const systems = {};
  for (const [name, { title, measure }] of Object.entries(row.systems)) {
    systems[name] = { title, measure };
    if (PEERS.includes(name)) continue;
    systems[`${name}_before`] = {
      title: `${title}, before`,
      measure: async (given) => {
        const { measureBuild } = await import("./machine.mjs");
        measureBuild(before);
        try {
          return await measure(given);
        } finally {
          measureBuild(undefined);
        }
      },
    };
  }
  return { ...row, systems };
}

/** Each system of the row in turn, `repetitions` times. → the figures of each run, by system */
async function measure(row, { repetitions, quick, seconds }) {
  const samples = Object.fromEntries(Object.keys(row.systems).map((name) => [name, []]));
  const times = repetitions ?? (quick ? 1 : row.repetitions);
  for (let i = 0; i < times; i += 1) {
    for (const [name, system] of Object.entries(row.systems)) {
      const figures = await system.measure({ seconds: seconds ?? (quick ? 1 : 3), quick });
      samples[name].push(figures);
      const told = row.figures.filter(([key]) => figures[key] !== undefined).map(([key, title]) => `${title} ${text(figures[key])}`);
      console.error(`${row.name} ${i + 1}/${times} ${system.title}: ${told.join(" · ")}`);
    }
  }
  return samples;
}

process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

export async function main() {
  const given = options();
  if (given.help) return console.log(USAGE);
  const rows = await allRows();
  if (given.list) {
    for (const { name, title } of Object.values(rows)) console.log(`${name.padEnd(20)}${title}`);
    return undefined;
  }
  const chosen = await choose(rows, given.rows);
  const { hurry, stepAside } = await import("./machine.mjs");
  stepAside();
  if (given.urgent) hurry();
  const record = { about: about(), rows: [] };
  const file = join(repository, "build/bench", `${record.about.date.replaceAll(":", "-").slice(0, 19)}.json`);
  mkdirSync(dirname(file), { recursive: true });
  let failed = false;
  for (const one of chosen) {
    const row = given.before === undefined ? one : besideEarlier(one, given.before);
    try {
      const samples = await measure(row, given);
      const result = { name: row.name, title: row.title, samples, medians: summarise(samples), targets: judge(row, samples) };
      record.rows.push(result);
      const table = markdown(row, result, record.about);
      console.log(`\n${row.title}\n\n${table}`);
      if (given.docs) writeFileSync(page, insert(readFileSync(page, "utf8"), row.name, table));
    } catch (error) {
      failed = true;
      record.rows.push({ name: row.name, error: error.message });
      console.error(`bench/run: ${row.name} did not run: ${error.message}`);
    }
    writeFileSync(file, `${JSON.stringify(record, null, 1)}\n`);
  }
  console.error(`\nevery run: ${file}`);
  return process.exit(failed ? 1 : 0);
}

await main();
