// The clients, and how each is made ready with the tools of its language. What that leaves is in build/clients/.

import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { repository } from "../e2e/support/server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const build = join(repository, "build/clients");
const execute = promisify(execFile);

/** Something that this machine does not have. */
export class Missing extends Error {}

async function need(...tools) {
  for (const [tool, flag = "--version"] of tools.map((words) => words.split(" "))) {
    await execute(tool, [flag]).catch((error) => {
      if (error.code === "ENOENT") throw new Missing(`no ${tool}`);
    });
  }
}

/** Runs a tool; what it said is in the error if it fails. */
async function run(tool, args, options) {
  await execute(tool, args, { maxBuffer: 1 << 26, ...options }).catch((error) => {
    throw new Error(`${tool} ${args.join(" ")}\n${error.stdout}${error.stderr}`);
  });
}

/** The package is among those of tests/chaos. */
async function js(file) {
  if (!existsSync(join(repository, "tests/chaos/node_modules/socket.io-client-4.5"))) {
    throw new Missing("no packages of tests/chaos: tests/chaos/run installs them");
  }
  return [process.execPath, join(here, "js", file)];
}

/** `packaging/setup.sh` makes this environment for tests/chaos, too. */
async function python() {
  const command = join(repository, "build/chaos-python/bin/python");
  if (!existsSync(command)) throw new Missing("no build/chaos-python: tests/chaos/run makes it");
  return [command, join(here, "python/client.py")];
}

async function java() {
  await need("mvn", "javac", "java");
  const folder = join(build, "java");
  mkdirSync(folder, { recursive: true });
  const list = join(folder, "classpath");
  await run("mvn", ["-q", "-B", "-f", join(here, "java/pom.xml"), "dependency:build-classpath", `-Dmdep.outputFile=${list}`]);
  const classes = readFileSync(list, "utf8").trim();
  await run("javac", ["-cp", classes, "-d", folder, join(here, "java/Client.java")]);
  return ["java", "-XX:TieredStopAtLevel=1", "-cp", `${folder}:${classes}`, "Client"];
}

/** Built from a copy, beside which cargo leaves its lock. */
async function rust() {
  await need("cargo");
  const folder = join(build, "rust");
  cpSync(join(here, "rust"), folder, { recursive: true });
  await run("cargo", ["build", "--quiet"], { cwd: folder, env: { ...process.env, CARGO_TARGET_DIR: join(folder, "target") } });
  return [join(folder, "target/debug/crier-client")];
}

async function cpp() {
  const checkout = process.env.CRIER_SOCKET_IO_CLIENT_CPP;
  if (!checkout) throw new Missing("set CRIER_SOCKET_IO_CLIENT_CPP to a checkout of socketio/socket.io-client-cpp");
  await need("c++");
  mkdirSync(build, { recursive: true });
  const program = join(build, "cpp-client");
  const words = ["STL", "FUNCTIONAL", "TYPE_TRAITS", "CHRONO"].map((word) => `-D_WEBSOCKETPP_CPP11_${word}_`);
  const folders = ["src", "lib/websocketpp", "lib/rapidjson/include", "lib/asio/asio/include"].map((name) => `-I${join(checkout, name)}`);
  const sources = ["sio_client", "sio_socket", "internal/sio_client_impl", "internal/sio_packet"].map((name) => join(checkout, `src/${name}.cpp`));
  // Its sources lack an include that newer standard libraries do not bring along.
  const flags = ["-std=c++14", "-w", "-include", "algorithm", "-DASIO_STANDALONE", ...words, ...folders];
  await run("c++", [...flags, join(here, "cpp/client.cpp"), ...sources, "-o", program, "-pthread"]);
  return [program];
}

export const clients = [
  { name: "js", library: "socket.io-client 4.5", transports: ["websocket", "polling"], prepare: () => js("client.mjs") },
  {
    name: "js-id",
    library: "socket.io-client 3.1 with lastEventId",
    transports: ["websocket", "polling"],
    prepare: () => js("last_event_id.mjs"),
  },
  { name: "python", library: "python-socketio 5.18.1", transports: ["websocket", "polling"], prepare: python },
  { name: "java", library: "Java socket.io-client 2.1.2", transports: ["websocket", "polling"], prepare: java },
  // Not over polling: it can go on with a session after an answer that was cut off, and loses what was in that.
  { name: "rust", library: "rust_socketio 0.6.0", transports: ["websocket"], prepare: rust },
  { name: "cpp", library: "socket.io-client-cpp", transports: ["websocket"], prepare: cpp },
];
