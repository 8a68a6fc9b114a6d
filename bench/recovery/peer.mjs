// npm socket.io with connectionStateRecovery, as its documentation sets it up, behind the same publish API as
// Crier's so that one driver loads both. Its history is in memory, or with REDIS_URL in a Redis stream.
//
// It is given every advantage that does not change what is checked: users and memberships are in memory, the token's
// subject is believed without verifying it, and nothing else runs in the process.

import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const { PORT, REDIS_URL, CRIER_STORE, HISTORY_MS = "300000" } = process.env;

const programsOf = new Map();
for (const { userId, programId } of JSON.parse(readFileSync(CRIER_STORE, "utf8")).members) {
  if (!programsOf.has(userId)) programsOf.set(userId, new Set());
  programsOf.get(userId).add(programId);
}

let redis = null;
if (REDIS_URL) {
  redis = createClient({ url: REDIS_URL });
  redis.on("error", (error) => console.error(`redis: ${error.message}`));
  await redis.connect();
}

const server = createServer({ keepAliveTimeout: 600_000 }, (req, res) => {
  route(req, res).catch((error) => res.writeHead(500).end(error.stack));
});
const io = new Server(server, {
  pingInterval: 25_000,
  pingTimeout: 60_000,
  // The token has to be looked at again, so the middleware cannot be skipped.
  connectionStateRecovery: { maxDisconnectionDuration: Number(HISTORY_MS), skipMiddlewares: false },
  ...(redis ? { adapter: createAdapter(redis) } : {}),
});

// --- what the checks ask for

let admissionDelay = 0;
const admissions = new Map();

io.use(async (socket, next) => {
  const user = JSON.parse(Buffer.from(socket.handshake.auth.token.split(".")[1], "base64url")).sub;
  const before = admissions.get(user) ?? 0;
  admissions.set(user, before + 1);
  if (before > 0 && admissionDelay > 0) await pause(admissionDelay);
  socket.data.user = user;
  next();
});

io.on("connection", (socket) => {
  if (socket.recovered) return;
  socket.join(`user:${socket.data.user}`);
  for (const program of programsOf.get(socket.data.user) ?? []) socket.join(`program:${program}`);
});

/** One FIFO of commands to Redis: its answer to this comes after that to every XADD before. */
const stored = () => redis?.ping();

async function publish(req, res, program, volatile) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const { event, ...envelope } = JSON.parse(Buffer.concat(chunks));
  if (volatile) io.to(`program:${program}`).volatile.emit("note", "hello");
  else io.to(`program:${program}`).emit(event, { event, programId: program, ...envelope, timestamp: new Date().toISOString() });
  await stored();
  res.writeHead(202, { "content-type": "application/json", "content-length": 2 }).end("{}");
}

async function route(req, res) {
  const { pathname, searchParams } = new URL(req.url, "http://peer");
  const [, program] = /^\/api\/v1\/programs\/([^/]+)\/events$/.exec(pathname) ?? [];
  if (program) return publish(req, res, program, searchParams.has("volatile"));
  if (pathname === "/revoke") {
    const [user, from] = [searchParams.get("user"), searchParams.get("program")];
    programsOf.get(user).delete(from);
    io.in(`user:${user}`).socketsLeave(`program:${from}`);
  } else if (pathname === "/admission-delay") {
    admissionDelay = Number(searchParams.get("ms"));
  } else if (pathname !== "/readyz") {
    res.writeHead(404).end();
    return;
  }
  res.writeHead(200).end(JSON.stringify({ sockets: io.of("/").sockets.size }));
}

server.listen(Number(PORT), "127.0.0.1");
