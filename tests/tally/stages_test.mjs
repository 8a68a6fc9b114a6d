// Which stages ./test runs and judges: the script itself, in a folder where every stage is a stub.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

const setup = `
say() { printf '%s\\n' "$@"; }
fail() { printf '%s: %s\\n' "\${0##*/}" "$*" >&2; exit 1; }
install_lists() { :; }
install_node() { :; }
install_npm() { :; }
install_python() { :; }
build_preset() { say "1 passed, 0 failed"; [ "$1" != broken ]; }
`;

/** Runs `./test ARGUMENTS…`; `files` replace or add stubs. */
function run(args, files = {}) {
  const folder = mkdtempSync(join(tmpdir(), "crier-stages-"));
  try {
    cpSync(join(root, "test"), join(folder, "test"));
    cpSync(join(root, "tests/tally/tally.mjs"), join(folder, "tests/tally/tally.mjs"));
    const stubs = {
      "packaging/setup.sh": setup,
      "tests/guard/guard.mjs": 'console.log("2 passed, 0 failed");',
      "packaging/fresh/run": '#!/bin/sh\necho "7 passed, 0 failed"\n',
      ...files,
    };
    for (const [path, text] of Object.entries(stubs)) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), text);
      chmodSync(join(folder, path), 0o755);
    }
    const { status, stdout, stderr } = spawnSync(join(folder, "test"), args, { encoding: "utf8" });
    const stages = [...stdout.matchAll(/^== (.*)$/gm)].map((match) => match[1]);
    return { status, stdout, stderr, stages };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the named stages run in the order of the script, and only they are judged", () => {
  const { status, stdout, stages } = run(["full", "fresh", "guard", "release-build"]);
  assert.deepEqual(stages, ["guard", "release-build", "fresh", "summary"]);
  assert.match(stdout, /\n10 passed, 0 failed\n$/);
  assert.equal(status, 0);
});

test("a named stage that fails is told", () => {
  const failing = { "tests/guard/guard.mjs": 'console.log("1 passed, 1 failed"); process.exitCode = 1;' };
  const { status, stdout } = run(["full", "guard"], failing);
  assert.match(stdout, /\n1 passed, 1 failed\n$/);
  assert.equal(status, 1);
});

test("of a full test nothing may be left out, of a single stage either", () => {
  const { status } = run(["full", "guard"], {
    "tests/guard/guard.mjs": 'console.log("1 passed, 0 failed\\nNOT RUN: half of it");',
  });
  assert.equal(status, 1);
});

test("an unknown stage is named, with those that there are", () => {
  const { status, stderr, stages } = run(["full", "guard", "gaurd"]);
  assert.match(stderr, /^test: there is no stage gaurd; there are guard, format, .*, fuzz, fresh\n$/);
  assert.deepEqual(stages, []);
  assert.equal(status, 1);
});

test("anything else tells the usage", () => {
  for (const args of [["guard"], ["fully"], ["--help"]]) {
    const { status, stderr } = run(args);
    assert.equal(stderr, "test: usage: ./test [full [STAGE…]]\n");
    assert.equal(status, 1);
  }
});

test("without names every stage runs that the list has, in its order", () => {
  const { stderr } = run(["full", "none"]);
  const listed = / there are (.*)\n/.exec(stderr)[1].split(", ");
  const nothing = Object.fromEntries(
    ["tests/conformance/run.mjs", "tests/e2e/run.mjs", "tests/chaos/judge_test.mjs"].map((path) => [path, ""]),
  );
  const { stages } = run(["full"], {
    ...nothing,
    // Only the names matter: what a stage runs is not there, or not wanted here.
    "packaging/setup.sh": `${setup}\nctest() { :; }\ncp() { :; }\nnpm() { :; }\ncmake() { :; }\nrun-clang-tidy-19() { :; }\n`,
  });
  assert.deepEqual(stages, [...listed, "summary"]);
});
