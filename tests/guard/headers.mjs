// Compiles every header alone, two at a time. A header that compiled is not compiled again until it,
// a header of the repository that it includes, or the compiler changes.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { includes_of, optional_headers, resolve } from "./includes.mjs";

const run = promisify(execFile);
const flags = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"];
const at_once = 2;

/// Calls `report(path, line, message)` for every header that does not compile by itself.
export async function check_headers(tree, report, { compiler = "g++", cache_folder }) {
  const { stdout: version } = await run(compiler, ["--version"]);
  const cache_file = join(cache_folder, "headers.json");
  const known = load(cache_file);
  const good = {};
  const queue = tree.files.filter(
    (path) =>
      /^(include|src|fuzz|tests|bench)\/.*\.hpp$/.test(path) && !optional_headers.includes(path),
  );
  const worker = async () => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      const key = digest(tree, path, version);
      const error = known[path] === key ? undefined : await compile(tree.root, path, compiler);
      if (error === undefined) good[path] = key;
      else report(path, 1, `does not compile alone:\n${error}`);
    }
  };
  await Promise.all(Array.from({ length: at_once }, worker));
  mkdirSync(cache_folder, { recursive: true });
  writeFileSync(cache_file, JSON.stringify(good, null, 1));
}

function load(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return {}; // no cache yet, or a torn one
  }
}

function digest(tree, header, version) {
  const hash = createHash("sha256").update(version).update(flags.join(" "));
  const seen = new Set();
  const visit = (path) => {
    if (seen.has(path)) return;
    seen.add(path);
    hash.update(path).update(tree.read(path));
    for (const include of includes_of(tree, path)) {
      const target = resolve(tree, path, include.path);
      if (target !== undefined) visit(target);
    }
  };
  visit(header);
  return hash.digest("hex");
}

async function compile(root, header, compiler) {
  const child = run(compiler, [...flags, "-Iinclude", "-Isrc", "-I.", "-x", "c++", "-"], {
    cwd: root,
  });
  child.child.stdin.on("error", () => {}); // the compiler may end before it has read its input
  child.child.stdin.end(`#include "${header}"\n`);
  try {
    await child;
    return undefined;
  } catch (error) {
    return String(error.stderr || error)
      .split("\n")
      .slice(0, 12)
      .join("\n");
  }
}
