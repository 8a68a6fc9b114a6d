#!/usr/bin/env node
// Runs the official protocol suites of the Socket.IO project against a server of ours and fails unless
// every test of them passes.
//   node tests/conformance/run.mjs [--server PROGRAM] [--times N]
// The suites are not in this repository. They come from a checkout of socketio/socket.io named by
// CRIER_PROTOCOL_SUITES, else from the cache, which is filled once by git.
import { execFile, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync } from "node:fs";
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

const run = promisify(execFile);
const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const modules = join(root, "tests/conformance/node_modules");
const suites = [
  { name: "Engine.IO v4", folder: "docs/engine.io-protocol/v4-test-suite", tests: 25 },
  { name: "Socket.IO v5", folder: "docs/socket.io-protocol/v5-test-suite", tests: 32 },
];
const clone_seconds = 30;
const start_seconds = 10;

/// The folder of a checkout that holds the suites, or nothing if they are not to be had.
async function find_suites() {
  const complete = (folder) => suites.every((suite) => existsSync(join(folder, suite.folder)));
  const named = process.env.CRIER_PROTOCOL_SUITES;
  if (named) {
    if (complete(named)) return named;
    throw new Error(`CRIER_PROTOCOL_SUITES=${named} holds no ${suites[0].folder}`);
  }
  const caches = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const cache = join(caches, "crier/socket.io");
  if (complete(cache)) return cache;
  return (await clone(cache)) && complete(cache) ? cache : undefined;
}

// Clones beside the cache and renames, so that a clone cut short is never taken for the suites.
async function clone(cache) {
  mkdirSync(dirname(cache), { recursive: true });
  const scratch = mkdtempSync(`${cache}.`);
  const signal = AbortSignal.timeout(clone_seconds * 1000);
  const env = { ...process.env, GIT_TERMINAL_PROMPT: "0" };
  const partial = ["--quiet", "--depth", "1", "--filter=blob:none", "--sparse"];
  const folders = suites.map((suite) => dirname(suite.folder));
  try {
    const source = "https://github.com/socketio/socket.io";
    await run("git", ["clone", ...partial, source, scratch], { signal, env });
    await run("git", ["-C", scratch, "sparse-checkout", "set", ...folders], { signal, env });
    rmSync(cache, { recursive: true, force: true });
    renameSync(scratch, cache);
    return true;
  } catch {
    rmSync(scratch, { recursive: true, force: true });
    return false;
  }
}

function free_port() {
  return new Promise((done, fail) => {
    const server = createServer().on("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

async function start(program, port) {
  const server = spawn(program, ["--port", String(port)], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = new Promise((_, fail) => {
    server.on("error", fail);
    server.on("exit", (code, signal) => fail(new Error(`${program} ended: ${code ?? signal}`)));
  });
  ended.catch(() => {}); // the end that stop() asks for is no failure
  await Promise.race([ended, listening(port)]);
  return { server, ended };
}

async function listening(port) {
  const deadline = Date.now() + start_seconds * 1000;
  while (Date.now() < deadline) {
    const reached = await new Promise((done) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("connect", () => done(true)).on("error", () => done(false));
      socket.on("connect", () => socket.destroy());
    });
    if (reached) return;
    await sleep(20);
  }
  throw new Error(`nothing listens on port ${port} after ${start_seconds} s`);
}

function stop({ server }) {
  if (server.exitCode !== null || server.signalCode !== null) return undefined;
  const exited = new Promise((done) => server.on("exit", done));
  server.kill("SIGTERM");
  const kill = setTimeout(() => server.kill("SIGKILL"), 5000);
  return exited.finally(() => clearTimeout(kill));
}

// A copy of the suite that talks to `port`, in build/, where Node finds the packages it imports.
function copy_suite(source, suite, port) {
  const workplace = join(root, "build/conformance");
  const folder = join(workplace, suite.folder);
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(source, suite.folder), folder, { recursive: true });
  const link = join(workplace, "node_modules");
  rmSync(link, { force: true });
  symlinkSync(modules, link);
  const file = join(folder, "test-suite.js");
  const text = readFileSync(file, "utf8");
  const line = /^const URL = ".*";$/m;
  if (!line.test(text)) throw new Error(`${suite.folder}: no URL constant to set`);
  writeFileSync(file, text.replace(line, `const URL = "http://127.0.0.1:${port}";`));
  return folder;
}

// Runs one suite; whether all its tests passed.
async function run_suite(folder, suite) {
  const mocha = [join(modules, "mocha/bin/mocha.js"), "test-suite.js", "--exit"];
  const { stdout, stderr } = await run(process.execPath, mocha, { cwd: folder }).catch(
    (error) => error,
  );
  const count = (word) => Number(new RegExp(`^ *(\\d+) ${word}`, "m").exec(stdout)?.[1] ?? 0);
  const passed = count("passing");
  const failed = suite.tests - passed;
  if (failed !== 0) console.log(`${stdout}${stderr}`);
  console.log(`${suite.name}: ${passed} passed, ${failed} failed`);
  return failed === 0;
}

async function main() {
  const { values } = parseArgs({
    options: {
      server: { type: "string", default: join(root, "build/release/bin/crier-conformance") },
      times: { type: "string", default: "1" },
    },
  });
  const source = await find_suites();
  if (source === undefined) {
    const how = "set CRIER_PROTOCOL_SUITES to a checkout of socketio/socket.io";
    console.log(`NOT RUN: official protocol suites (${how})`);
    return;
  }
  const port = await free_port();
  const started = await start(values.server, port);
  try {
    for (let round = 0; round < Number(values.times); ++round) {
      for (const suite of suites) {
        const all_passed = await Promise.race([
          run_suite(copy_suite(source, suite, port), suite),
          started.ended,
        ]);
        if (!all_passed) process.exitCode = 1;
      }
    }
  } finally {
    await stop(started);
  }
}

await main().catch((error) => {
  console.log(`conformance: ${error.message}`);
  process.exit(1);
});
