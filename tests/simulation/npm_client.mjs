#!/usr/bin/env node
// Records what the npm client does with the scripts of npm_client.txt: prints that file anew. The
// client of the simulation has to do the same; client_test.cpp holds it to that.
//   node tests/simulation/npm_client.mjs tests/simulation/npm_client.txt >new.txt
// A script is a name (`# …`), then sessions (`session`), each with the payloads that answer its polls
// (`> …`, packets separated by ^); when they are used up, the session is gone. What follows from it
// (`= …`) is what this prints: CONNECT packets sent, and what the application is told.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(new URL("../e2e/package.json", import.meta.url));
const { io } = require("socket.io-client");

const scripts = [];
for (const line of readFileSync(process.argv[2], "utf8").split("\n")) {
  if (line.startsWith("# ")) scripts.push({ name: line.slice(2), sessions: [] });
  if (line === "session") scripts.at(-1).sessions.push([]);
  if (line.startsWith("> ")) scripts.at(-1).sessions.at(-1).push(line.slice(2));
}

function serve(sessions, note) {
  let count = 0;
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const sid = new URL(request.url, "http://x").searchParams.get("sid");
    if (request.method === "POST") {
      for (const packet of body.split("\x1e")) {
        if (packet.startsWith("40")) note("= sent " + packet.slice(2));
        if (packet === "3") note("= sent pong");
      }
      response.end("ok");
    } else if (sid === null) {
      const open = { sid: String(count++), upgrades: [], pingInterval: 9000, pingTimeout: 9000 };
      response.end("0" + JSON.stringify(open));
    } else {
      const payload = sessions[Number(sid)]?.shift();
      if (payload !== undefined) {
        response.end(payload.replaceAll("^", "\x1e"));
      } else if (Number(sid) + 1 < sessions.length) {
        response.statusCode = 400;
        response.end("{}");
      } // else the last poll stays open
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

async function record({ name, sessions }) {
  const lines = [];
  const note = (line) => lines.push(line);
  console.log("# " + name);
  for (const session of sessions) {
    console.log(["session", ...session.map((payload) => "> " + payload)].join("\n"));
  }
  const server = await serve(sessions.map((session) => [...session]), note);
  const socket = io(`http://127.0.0.1:${server.address().port}`, {
    transports: ["polling"],
    reconnectionDelay: 20,
    forceNew: true,
    auth: { token: "t" },
  });
  socket.on("disconnect", (reason) => note("= disconnect " + reason));
  const onconnect = socket.onconnect.bind(socket); // before buffered events are handled
  socket.onconnect = (id, pid) => {
    note("= connect " + (Boolean(pid) && socket._pid === pid ? "recovered" : "anew"));
    onconnect(id, pid);
  };
  socket.onAny((...args) => note("= event " + JSON.stringify(args)));
  await new Promise((resolve) => setTimeout(resolve, 600 * sessions.length));
  socket.disconnect();
  server.closeAllConnections();
  server.close();
  console.log(lines.filter((line) => line !== "= disconnect io client disconnect").join("\n") + "\n");
}

for (const script of scripts) await record(script);
process.exit(0);
