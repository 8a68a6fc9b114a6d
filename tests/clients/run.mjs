#!/usr/bin/env node
// Runs clients that know no recovery, and whose `auth` is constant but for one, against a daemon, and cuts the connection
// of each 50 times while events are published. Their handlers must see every event once and in order.
//   node tests/clients/run.mjs [--cuts N] [NAME…]       NAME: js js-id python java rust cpp      CRIER_BIN: another daemon
// A client whose tool-chain is missing is not run, and says so. The C++ client is on GitHub only: CRIER_SOCKET_IO_CLIENT_CPP
// names a checkout of socketio/socket.io-client-cpp; websocketpp, asio and rapidjson are taken from its lib/, else from the system.
import { parseArgs } from "node:util";
import { seeded } from "../e2e/support/exchange.mjs";
import { startServer } from "../e2e/support/server.mjs";
import { clients, Missing } from "./clients.mjs";
import { PING_INTERVAL, trial } from "./trial.mjs";

const { values, positionals } = parseArgs({
  options: { cuts: { type: "string", default: "50" }, seed: { type: "string", default: String(Date.now() % 1e6) } },
  allowPositionals: true,
});
const wanted = clients.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
console.log(`clients: seed ${values.seed}`);

/** What was prepared, or nothing if it cannot be. */
async function prepare(client) {
  try {
    return await client.prepare();
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    console.log(`NOT RUN: ${client.library} behind cuts (${error.message})`);
    return undefined;
  }
}

async function run(server, client, start, random) {
  for (const transport of client.transports) {
    const title = `${client.library} over ${transport}`;
    const { problems, summary } = await trial(server, { title, start, transport, cuts: Number(values.cuts), random });
    console.log(`${title}: ${summary}`);
    for (const problem of problems) console.log(`  ${problem}`);
    console.log(`${title}: ${problems.length === 0 ? "1 passed, 0 failed" : "0 passed, 1 failed"}`);
    if (problems.length > 0) process.exitCode = 1;
  }
}

const env = { CRIER_ENGINE_PING_INTERVAL: `${PING_INTERVAL}ms`, CRIER_ENGINE_PING_TIMEOUT: "5s" };
const random = seeded(Number(values.seed));
const prepared = [];
for (const client of wanted) prepared.push([client, await prepare(client)]);
const server = await startServer({ env });
try {
  for (const [client, start] of prepared) if (start) await run(server, client, start, random);
} finally {
  await server.stop();
}
