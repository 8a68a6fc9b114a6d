// Runs every end-to-end test against build/release/bin/crier (or CRIER_BIN) and ends with node:test's
// summary and exit code.
//
//   node run.mjs [full] [FILE…]
//
// `full` runs the long versions. CRIER_E2E_TARGET=reference runs what npm socket.io promises too.

import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { crierBinary, target } from "./support/server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const wanted = process.argv.slice(2).filter((argument) => argument !== "full");
if (wanted.length < process.argv.length - 2) process.env.CRIER_E2E_FULL = "1";

if (target === "crier" && !existsSync(crierBinary)) {
  console.error(`no daemon at ${crierBinary}: build the release preset, or set CRIER_BIN`);
  process.exit(1);
}
const files = (wanted.length > 0 ? wanted : readdirSync(here).filter((name) => name.endsWith(".test.mjs")).sort()).map((name) =>
  join(here, name),
);
// One file at a time: the tests measure time and memory, and share two cores with the server.
const events = run({ files, concurrency: 1, timeout: 15 * 60 * 1000 });
events.on("test:fail", () => {
  process.exitCode = 1;
});
events.compose(new spec()).pipe(process.stdout);
