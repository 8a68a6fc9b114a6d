// The machine: its two cores, the programs that are there, and what processes cost.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, setPriority } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { crierBinary } from "../../tests/e2e/support/server.mjs";

export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

const ours = { "crier-load": "crier-load", "crier-floor": "crier-floor", "crier-echo": "crier-echo" };
/** Those that are measured, of a build or of an earlier one; whatever puts load on them stays the same. */
const measured = ["crier", "crier-echo"];
let earlier;
/** From now on the programs that are measured are those of `folder`, an earlier build; undefined: ours again. */
export const measureBuild = (folder) => (earlier = folder);

/** Where a program is: Crier and the bench's own stand in one folder, others on PATH. */
export function program(name) {
  if (earlier !== undefined && measured.includes(name)) return join(earlier, name);
  if (name === "crier") return crierBinary;
  if (name in ours) return join(dirname(crierBinary), ours[name]);
  return (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name)).find(existsSync) ?? "";
}

/** Of `names`, what is not there, each with what to do about it. */
export function missing(names) {
  const lacking = cpus().length < 2 ? ["a second core"] : [];
  for (const name of ["taskset", "crier", "crier-load", ...names]) {
    if (existsSync(program(name))) continue;
    lacking.push(name === "crier" || name in ours ? `${program(name)} (./run --build makes it)` : `${name} on PATH`);
  }
  return lacking;
}

export const pin = (pid, core) => spawnSync("taskset", ["-apc", String(core), String(pid)], { stdio: "ignore" });
/** Takes this process off the server's core. */
export const stepAside = () => pin(process.pid, LOAD_CORE);

/** From now on this process and its children go before what else the machine does. */
export function hurry() {
  const group = "/proc/self/autogroup";
  try {
    setPriority(-15);
    if (!existsSync(group)) return;
    // Shared with the shell that started this: it is put back.
    const before = /nice (-?\d+)/.exec(readFileSync(group, "utf8"))?.[1] ?? "0";
    writeFileSync(group, "-15");
    process.once("exit", () => writeFileSync(group, before));
  } catch {
    throw new Error("--urgent needs the right to raise priorities, which root has");
  }
}

const status = (pid, field) => 1024 * Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
/** The most that it ever had in memory. */
export const peakResidentBytes = (pid) => status(pid, "VmHWM");

/** µs on a CPU so far, over all threads. */
export function cpuMicroseconds(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`).map((task) => readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8"));
  return tasks.reduce((sum, task) => sum + Number(task.split(" ")[0]), 0) / 1000;
}
