// Runs crier-load on its core and reads what it found.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { leash } from "../../tests/e2e/support/server.mjs";
import { LOAD_CORE, program } from "./machine.mjs";

const LONGEST_MS = 170_000;

/** { clients: 5, rate: undefined, spin: true } → --clients 5 --spin */
function argumentsOf(options) {
  return Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    const option = `--${name.replaceAll("_", "-")}`;
    return value === true ? [option] : [value].flat().flatMap((each) => [option, String(each)]);
  });
}

/** What one run of crier-load says. Throws where anything went wrong, unless `allow` names that kind of error. */
export async function load(command, options, { allow = [], running = () => {} } = {}) {
  const args = [command, ...argumentsOf(options), "--core", String(LOAD_CORE), "--json", "-"];
  const child = leash(spawn("taskset", ["-c", String(LOAD_CORE), program("crier-load"), ...args], { stdio: ["ignore", "pipe", "pipe"] }));
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (err = (err + text).slice(-2000)));
  const timer = setTimeout(() => child.kill("SIGKILL"), LONGEST_MS);
  running(child);
  const [code, signal] = await once(child, "close");
  clearTimeout(timer);
  if (code !== 0) throw new Error(`crier-load ${command} ended with ${code ?? signal}: ${err.trim().split("\n").at(-1)}`);
  const found = JSON.parse(out.slice(out.indexOf("{")));
  const wrong = Object.entries(found.errors ?? {}).filter(([kind, count]) => count > 0 && !allow.includes(kind));
  if (found.connect?.failed > 0) wrong.push(["failed connects", found.connect.failed]);
  if (found.disconnects > 0 && !allow.includes("disconnects")) wrong.push(["disconnects", found.disconnects]);
  if (wrong.length > 0) throw new Error(`crier-load ${command}: ${wrong.map(([kind, count]) => `${count} ${kind}`).join(", ")}`);
  return found;
}
