#!/usr/bin/env node
// Adds up what the stages of ./test did: prints their times, what was not run, and the closing line.
//   node tests/tally/tally.mjs FOLDER [--strict]
// FOLDER holds stages.tsv (name, exit status, seconds), NAME.log (what the stage printed) and, for a
// stage that ran CTest, NAME.ctest (CTest's own log with the output of every test). Fails if a test
// failed, if none ran or, with --strict, if anything was not run.
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const sum = (text, pattern) =>
  [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);

/// What the output of one program says: {passed, failed, not_run}. A program whose test runner is not
/// known counts as one test, which passed if `succeeded`.
export function count(output, succeeded) {
  const text = output.replace(/\x1b\[[0-9;]*m/g, "");
  let passed =
    sum(text, /^\[  PASSED  \] (\d+) tests?\.$/gm) + // GoogleTest
    sum(text, /^(?:#|ℹ) pass (\d+)$/gm) + // node:test
    sum(text, /^(?:.*: )?(\d+) passed, \d+ failed$/gm);
  let failed =
    sum(text, /^\[  FAILED  \] (\d+) tests?, listed below:$/gm) +
    sum(text, /^(?:#|ℹ) (?:fail|cancelled) (\d+)$/gm) +
    sum(text, /^(?:.*: )?\d+ passed, (\d+) failed$/gm);
  if (passed + failed === 0 && succeeded) passed = 1;
  if (failed === 0 && !succeeded) failed = 1;
  return { passed, failed, not_run: not_run(text) };
}

function not_run(text) {
  const lines = [...text.matchAll(/^NOT RUN: (.*)$/gm)].map((match) => match[1]);
  const skipped = [...text.matchAll(/^\[  SKIPPED \] (\S+) \(\d+ ms\)$/gm)].map(
    (match) => match[1],
  );
  const disabled = sum(text, /^ *YOU HAVE (\d+) DISABLED TESTS?$/gm);
  const others = sum(text, /^(?:#|ℹ) (?:skipped|todo) (\d+)$/gm);
  return [
    ...lines,
    ...skipped.map((name) => `${name} skips itself`),
    ...(disabled > 0 ? [`${disabled} disabled tests of GoogleTest`] : []),
    ...(others > 0 ? [`${others} skipped tests of Node`] : []),
  ];
}

/// The same for CTest's LastTest.log: the sum over its tests.
export function count_ctest(log) {
  const total = { passed: 0, failed: 0, not_run: [] };
  for (const block of log.split(/^(?=\d+\/\d+ Testing: )/m).slice(1)) {
    const [, output = ""] = /^Output:\n-+\n([^]*)^<end of output>$/m.exec(block) ?? [];
    add(total, count(output, /^Test Passed\.$/m.test(block)));
  }
  return total;
}

function add(total, { passed, failed, not_run }) {
  total.passed += passed;
  total.failed += failed;
  total.not_run.push(...not_run);
}

/// Adds up a folder of stages: {stages, passed, failed, not_run}.
export function tally(folder) {
  const rows = readFileSync(join(folder, "stages.tsv"), "utf8").trim().split("\n").filter(Boolean);
  const total = { stages: [], passed: 0, failed: 0, not_run: [] };
  for (const row of rows) {
    const [name, status, seconds] = row.split("\t");
    const succeeded = status === "0";
    const ctest = join(folder, `${name}.ctest`);
    const counted = existsSync(ctest)
      ? count_ctest(readFileSync(ctest, "utf8"))
      : count(readFileSync(join(folder, `${name}.log`), "utf8"), succeeded);
    if (!succeeded && counted.failed === 0) counted.failed = 1;
    add(total, counted);
    total.stages.push({ name, seconds: Number(seconds), ...counted });
  }
  total.not_run = [...new Set(total.not_run)];
  return total;
}

function main([folder, option]) {
  const { stages, passed, failed, not_run } = tally(folder);
  const strict = option === "--strict";
  console.log("\n== summary");
  for (const stage of stages) {
    const time = `${stage.seconds} s`.padStart(7);
    console.log(
      `${time}  ${stage.name}: ${stage.passed} passed${stage.failed ? `, ${stage.failed} FAILED` : ""}`,
    );
  }
  const seconds = stages.reduce((total, stage) => total + stage.seconds, 0);
  console.log(`${`${seconds} s`.padStart(7)}  in all`);
  if (not_run.length > 0) {
    console.log(`\n${not_run.length} not run${strict ? ", which fails a full test" : ""}:`);
    for (const reason of not_run) console.log(`NOT RUN: ${reason}`);
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 || (strict && not_run.length > 0) ? 1 : 0;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main(process.argv.slice(2));
}
