#!/usr/bin/env node
// Holds the rules of the repository that no compiler knows. Prints each breach as `path:line: message`.
//   node tests/guard/guard.mjs [--root FOLDER] [--cache FOLDER] [--no-compile]
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { check_commands } from "./commands.mjs";
import { functions } from "./functions.mjs";
import { check_glossary } from "./glossary.mjs";
import { check_headers } from "./headers.mjs";
import { check_includes, optional_headers } from "./includes.mjs";
import { check_statements } from "./statements.mjs";
import { Tree } from "./tree.mjs";

const file_lines_max = 600;
const function_lines_max = 50;
const public_headers_max = 12;
const public_header_lines_max = 2000;
const readme_lines_max = 150;
/// The folders whose product files must open with their purpose.
const opened_folders = /^(include\/crier|src)\//;

/// Checks the tree at `root` and returns its breaches, in order of path and line.
export async function guard({ root, cache_folder, compile = true, openings = true }) {
  const tree = new Tree(root);
  const breaches = [];
  const report = (path, line, message) => breaches.push({ path, line, message });
  check_includes(tree, report);
  check_lengths(tree, report);
  check_public_headers(tree, report);
  check_tests(tree, report);
  check_built(tree, report);
  check_words(tree, report);
  check_commands(tree, report);
  check_statements(tree, report);
  check_glossary(tree, report);
  if (openings) check_openings(tree, report);
  if (compile) await check_headers(tree, report, { cache_folder });
  return breaches.sort((a, b) => a.path.localeCompare(b.path) || a.line - b.line);
}

function check_lengths(tree, report) {
  for (const path of tree.files.filter((name) => /\.(cpp|hpp|mjs|js|ts|sh|lua)$/.test(name))) {
    const lines = tree.lines(path).length;
    if (lines > file_lines_max) report(path, 1, `has ${lines} lines; at most ${file_lines_max}`);
  }
  for (const path of tree.cpp()) {
    for (const { name, line, lines } of functions(tree.read(path))) {
      if (lines > function_lines_max) {
        report(path, line, `${name} has ${lines} lines; at most ${function_lines_max}`);
      }
    }
  }
  if (!tree.known.has("README.md")) return;
  const lines = tree.lines("README.md").length;
  if (lines > readme_lines_max)
    report("README.md", 1, `has ${lines} lines; at most ${readme_lines_max}`);
}

function check_public_headers(tree, report) {
  const headers = tree.files.filter(
    (path) => /^include\/crier\/.*\.hpp$/.test(path) && !optional_headers.includes(path),
  );
  const lines = headers.reduce((sum, path) => sum + tree.lines(path).length, 0);
  if (headers.length > public_headers_max) {
    report("include/crier", 1, `has ${headers.length} headers; at most ${public_headers_max}`);
  }
  if (lines > public_header_lines_max) {
    report("include/crier", 1, `has ${lines} lines; at most ${public_header_lines_max}`);
  }
}

// Every source has its test beside it or a line `path: reason` in untested.txt.
function check_tests(tree, report) {
  const list = "tests/guard/untested.txt";
  const untested = new Map();
  if (tree.known.has(list)) {
    tree.lines(list).forEach((text, index) => {
      if (text === "" || text.startsWith("#")) return;
      const [path, reason] = text.split(/: (.*)/s);
      if (!reason) report(list, index + 1, "needs the form `path: reason`");
      untested.set(path, index + 1);
    });
  }
  const sources = tree.files.filter(
    (path) => /^src\/.*\.cpp$/.test(path) && !path.endsWith("_test.cpp"),
  );
  const test_of = (path) => path.replace(/\.cpp$/, "_test.cpp");
  for (const path of sources) {
    if (!tree.known.has(test_of(path)) && !untested.has(path)) {
      report(path, 1, `has no ${test_of(path)} and no line in ${list}`);
    }
  }
  for (const [path, line] of untested) {
    if (!tree.known.has(path)) report(list, line, `${path} does not exist`);
    else if (tree.known.has(test_of(path))) report(list, line, `${path} has a test now`);
  }
}

// Every source is named by a CMake file of its folder or of one above.
function check_built(tree, report) {
  const words = new Map();
  const words_of = (path) => {
    if (!words.has(path)) {
      const text = tree.read(path).replace(/#.*$/gm, "");
      words.set(path, new Set(text.split(/[\s()"]+/)));
    }
    return words.get(path);
  };
  const lists = tree.files.filter((path) => /(^|\/)(CMakeLists\.txt|[^/]+\.cmake)$/.test(path));
  for (const path of tree.files.filter((name) => /^src\/.*\.(cpp|lua)$/.test(name))) {
    const named = lists.some((list) => {
      const folder = dirname(list) === "." ? "" : `${dirname(list)}/`;
      return path.startsWith(folder) && words_of(list).has(path.slice(folder.length));
    });
    if (!named) report(path, 1, "is built by nothing: no CMake file names it");
  }
}

// Written in pieces, so that this file does not hold what it looks for.
const marks = new RegExp(
  `\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`,
);
const machine_path = /(?<![\w.\]})-])(\/(work|root)\/|\/(home|Users)\/\w|\.\.\/shared\b)/;
const address_in_lock = /"resolved": *"http/;

function check_words(tree, report) {
  for (const path of tree.text()) {
    tree.lines(path).forEach((text, index) => {
      const mark = marks.exec(text)?.[1];
      if (mark) report(path, index + 1, `${mark}: do it, or say it in an issue`);
      if (machine_path.test(text)) report(path, index + 1, "names a path of one machine");
      if (path.endsWith("package-lock.json") && address_in_lock.test(text)) {
        report(path, index + 1, "records a download address");
      }
    });
  }
}

// Each product file opens with a comment on its purpose: a header after `#pragma once`.
function check_openings(tree, report) {
  const product = (path) => opened_folders.test(path) && !path.endsWith("_test.cpp");
  for (const path of tree.cpp().filter(product)) {
    const first = tree.lines(path).findIndex((text) => text !== "" && text !== "#pragma once");
    const opening = first < 0 ? "" : tree.lines(path)[first];
    if (/^\/\/ (crier::|[A-Z`])/.test(opening)) continue;
    report(path, Math.max(first, 0) + 1, "does not open with a sentence on its purpose");
  }
}

async function main() {
  const here = dirname(fileURLToPath(import.meta.url));
  const { values } = parseArgs({
    options: {
      root: { type: "string", default: resolve(here, "../..") },
      cache: { type: "string" },
      "no-compile": { type: "boolean", default: false },
    },
  });
  const breaches = await guard({
    root: values.root,
    cache_folder: values.cache ?? join(values.root, "build", "guard"),
    compile: !values["no-compile"],
  });
  for (const { path, line, message } of breaches) console.log(`${path}:${line}: ${message}`);
  console.log(
    breaches.length === 0 ? "guard: every rule holds" : `guard: ${breaches.length} breaches`,
  );
  process.exitCode = breaches.length === 0 ? 0 : 1;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
