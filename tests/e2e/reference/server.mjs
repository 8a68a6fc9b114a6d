// The system that Crier replaces, small: npm `socket.io`, a JWT in `handshake.auth.token`, users from
// a JSON file, a room for each program, catch-up by `lastEventTimestamp` from a Redis sorted set or a
// list in memory, and a publish API. It takes the same environment and answers the same requests as
// `crier serve`, so that one test can run against both. Its weaknesses are the original's: events that
// share a millisecond with the cursor, or come while a client connects, may be lost.

import { createServer } from "node:http";
import { readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import jwt from "jsonwebtoken";
import { Server } from "socket.io";
import { createClient } from "redis";

const EVENTS = [
  "request:created", "request:updated", "request:status_changed", "request:assigned",
  "request:deleted", "comment:added", "comment:deleted", "attachment:uploaded",
  "attachment:deleted", "notification:created", "chain:step_advanced",
];
const KEPT_MS = 5 * 60 * 1000;
const KEPT_MAX = 1000;
const REPLAY_MAX = 50;
const BODY_MAX = 1024 * 1024;

const { PORT = "3000", JWT_ACCESS_SECRET, CLIENT_URL, REDIS_URL, CRIER_API_KEY, CRIER_STORE } = process.env;
const dev = process.argv.includes("--dev");

// Users and memberships. The file is parsed again only when it has changed, and looked up by key: figures
// beside Crier must not be those of a JSON parser or of a search.
let known = { changed: -1 };
const people = () => {
  const changed = statSync(CRIER_STORE).mtimeMs;
  if (changed === known.changed) return known;
  const { users, members } = JSON.parse(readFileSync(CRIER_STORE, "utf8"));
  known = { changed, users: new Map(users.map((user) => [user.id, user])), programs: new Map() };
  for (const { userId, programId, active } of members) {
    if (active === false) continue;
    if (!known.programs.has(userId)) known.programs.set(userId, []);
    known.programs.get(userId).push(programId);
  }
  return known;
};
const findUser = (id) => people().users.get(id);
const programsOf = (id) => people().programs.get(id) ?? [];

// --- history: a sorted list of [score, envelope] for each program

function memoryHistory() {
  const lists = new Map();
  return {
    ready: () => true,
    async add(program, score, text) {
      const list = lists.get(program) ?? [];
      list.push([score, text]);
      while (list.length > KEPT_MAX || list[0]?.[0] < score - KEPT_MS) list.shift();
      lists.set(program, list);
    },
    async after(program, score) {
      return (lists.get(program) ?? []).filter(([at]) => at > score).map(([, text]) => text);
    },
  };
}

async function redisHistory(url) {
  const client = createClient({ url, disableOfflineQueue: true, socket: { reconnectStrategy: () => 100 } });
  client.on("error", () => {});
  await client.connect();
  const key = (program) => `socket:events:program:${program}`;
  return {
    ready: () => client.isReady,
    async add(program, score, text) {
      await client.zAdd(key(program), { score, value: text });
      await client.zRemRangeByRank(key(program), 0, -KEPT_MAX - 1);
      await client.pExpire(key(program), KEPT_MS);
    },
    after: (program, score) => client.zRangeByScore(key(program), `(${score}`, "+inf"),
  };
}

const history = REDIS_URL ? await redisHistory(REDIS_URL) : memoryHistory();

// --- publishing

export let io;

async function emitToProgram(programId, body) {
  const { event, requestId, data, performedBy } = body;
  const now = Date.now();
  const envelope = { event, programId, requestId, data, performedBy, timestamp: new Date(now).toISOString() };
  let id = null;
  try {
    await history.add(programId, now, JSON.stringify(envelope));
    id = String(now);
  } catch {
    // Real time goes on without history.
  }
  io.to(`program:${programId}`).emit(event, envelope);
  return id === null
    ? { id, seq: null, timestamp: envelope.timestamp, recoverable: false }
    : { id, seq: 0, timestamp: envelope.timestamp };
}

function problem(body) {
  if (body === null || typeof body !== "object" || Array.isArray(body)) return ["wrong_type", ""];
  for (const name of ["event", "requestId", "data", "performedBy"]) {
    if (!(name in body)) return ["missing_member", `/${name}`];
  }
  if (!EVENTS.includes(body.event)) return ["unknown_event", "/event"];
  if (typeof body.requestId !== "string") return ["wrong_type", "/requestId"];
  if (body.data === null || typeof body.data !== "object" || Array.isArray(body.data)) return ["wrong_type", "/data"];
  for (const name of ["userId", "name"]) {
    if (typeof body.performedBy?.[name] !== "string") return ["wrong_type", `/performedBy/${name}`];
  }
  return null;
}

// --- HTTP

async function bodyOf(req) {
  const chunks = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size > BODY_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function answer(res, status, value, headers = {}) {
  const text = JSON.stringify(value);
  res.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text), ...headers });
  res.end(text);
}
const refuse = (res, status, code, path = "") => answer(res, status, { code, message: code, path });

async function publish(req, res, programId) {
  if (req.method !== "POST") return refuse(res, 405, "method_not_allowed");
  if (!/^application\/json\b/.test(req.headers["content-type"] ?? "")) return refuse(res, 415, "content_type");
  const bytes = await bodyOf(req);
  if (!bytes) return refuse(res, 413, "too_large");
  let body;
  try {
    body = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return refuse(res, 400, "not_json");
  }
  const wrong = problem(body);
  if (wrong) return refuse(res, 422, ...wrong);
  answer(res, 202, await emitToProgram(programId, body));
}

const token = (userId) => jwt.sign({ sub: userId }, JWT_ACCESS_SECRET, { expiresIn: "15m" });

async function devRoutes(req, res, path) {
  const page = join(dirname(fileURLToPath(import.meta.url)), "../../../demo");
  const files = { "/": "index.html", "/demo.js": "demo.js", "/demo.css": "demo.css" };
  const types = { html: "text/html", js: "text/javascript", css: "text/css" };
  if (files[path]) {
    res.writeHead(200, {
      "content-type": `${types[files[path].split(".")[1]]}; charset=utf-8`,
      "content-security-policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
    });
    return res.end(await readFile(join(page, files[path])));
  }
  if (path === "/dev/state") {
    const users = [...people().users.values()].map(({ id, name, role }) => ({ id, name, role, programs: programsOf(id) }));
    return answer(res, 200, { users, events: EVENTS });
  }
  if (path === "/dev/token") {
    return answer(res, 200, { token: token(JSON.parse(await bodyOf(req)).userId) });
  }
  const match = /^\/dev\/programs\/([^/]+)\/events$/.exec(path);
  if (match) return publish(req, res, decodeURIComponent(match[1]));
  refuse(res, 404, "not_found");
}

const server = createServer((req, res) => {
  route(req, res).catch((error) => {
    if (res.headersSent) res.destroy();
    else refuse(res, 500, error.name);
  });
});

async function route(req, res) {
  const path = req.url.split("?")[0];
  if (path === "/healthz") return answer(res, 200, { status: "ok" });
  if (path === "/readyz") {
    return history.ready()
      ? answer(res, 200, { status: "ready" })
      : answer(res, 503, { status: "not_ready", failing: ["history"] });
  }
  const match = /^\/api\/v1\/programs\/([^/]+)\/events$/.exec(path);
  if (match) {
    if (req.headers.authorization !== `Bearer ${CRIER_API_KEY}`) return refuse(res, 401, "unauthorized");
    return publish(req, res, decodeURIComponent(match[1]));
  }
  if (dev) return devRoutes(req, res, path);
  refuse(res, 404, "not_found");
}

// --- Socket.IO

io = new Server(server, {
  pingInterval: 25_000,
  pingTimeout: 60_000,
  cors: { origin: CLIENT_URL ?? "http://localhost:5173", credentials: true },
});

const refusal = (message, code) => Object.assign(new Error(message), { data: { code, detail: message } });

io.use((socket, next) => {
  const given = socket.handshake.auth?.token;
  if (!given) return next(refusal("Authentication required", "token_missing"));
  let claims;
  try {
    claims = jwt.verify(given, JWT_ACCESS_SECRET, { algorithms: ["HS256"] });
  } catch (error) {
    const code = error.name === "TokenExpiredError" ? "token_expired" : "token_invalid";
    return next(refusal("Invalid or expired token", code));
  }
  if (!claims.sub) return next(refusal("Invalid token payload", "token_subject"));
  const user = findUser(claims.sub);
  if (!user || user.active === false) return next(refusal("User not found or inactive", "user_inactive"));
  Object.assign(socket.data, { userId: user.id, userRole: user.role, programs: programsOf(user.id) });
  next();
});

io.on("connection", async (socket) => {
  const { programs } = socket.data;
  for (const program of programs) socket.join(`program:${program}`);
  const cursor = Number(socket.handshake.auth.lastEventTimestamp);
  if (cursor > 0) {
    for (const program of programs) {
      const missed = await history.after(program, cursor).catch(() => []);
      for (const text of missed.slice(-REPLAY_MAX)) {
        const envelope = JSON.parse(text);
        socket.emit(envelope.event, envelope);
      }
    }
  }
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => {
    io.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}
server.listen(Number(PORT), "127.0.0.1", () => console.log(`listening on 127.0.0.1:${PORT}`));
