// The application of a socket.io-client that knows no recovery, for run.mjs: URL TOKEN SESSION TRANSPORT. Prints what its handlers see.

import { createRequire } from "node:module";

const { io } = createRequire(new URL("../../chaos/package.json", import.meta.url))("socket.io-client-4.5");
const [url, token, session, transport] = process.argv.slice(2);

const handle = (event, body) => console.log(`event ${body.requestId}`);
const load = (program) => console.log(`load ${program}`);
const drop = (program) => console.log(`drop ${program}`);
const loadAll = () => console.log("load all");

// docs/recovery.md shows what follows, down to the end.
let latest = { epoch: "", number: 0 };

/** An id is `epoch.number`, and within an epoch the numbers rise. */
function isRepeat(id) {
  const [epoch, digits] = id.split(".");
  const number = Number(digits);
  if (epoch === latest.epoch && number <= latest.number) return true;
  latest = { epoch, number };
  return false;
}

const socket = io(url, { auth: { token, session }, transports: [transport], reconnectionDelay: 50, reconnectionDelayMax: 500 });
socket.onAny((event, body, id) => {
  if (event !== "catchup" && !(id && isRepeat(id))) handle(event, body);
});
socket.on("catchup", ({ programs, others = "recovered", changed = false }) => {
  for (const [program, verdict] of Object.entries(programs)) {
    if (verdict === "left") drop(program);
    else if (verdict !== "recovered") load(program);
  }
  if (changed || others !== "recovered") loadAll();
});
socket.on("connect", () => console.log("connect"));
