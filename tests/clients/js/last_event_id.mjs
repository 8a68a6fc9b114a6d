// The application of a socket.io-client that knows no recovery and gives `lastEventId`, for run.mjs: URL TOKEN SESSION TRANSPORT, of
// which it needs no session. Prints what its handlers see.

import { createRequire } from "node:module";

const { io } = createRequire(new URL("../../chaos/package.json", import.meta.url))("socket.io-client-3.1");
const [url, token, , transport] = process.argv.slice(2);

const handle = (event, envelope) => console.log(`event ${envelope.requestId}`);
const currentToken = () => token;
const act = ({ programs, others = "recovered" }) => {
  for (const [program, verdict] of Object.entries(programs)) {
    if (verdict !== "recovered" && verdict !== "left") console.log(`load ${program}`);
  }
  if (others !== "recovered") console.log("load every other program");
};

// docs/recovery.md shows what follows, down to the end.
let lastEventId;       // up to where everything was handled
let caughtUp = false;  // whether this connection's catchup has come
let latest = { epoch: "", number: 0 };

function isRepeat(id) {
  const [epoch, digits] = id.split(".");
  const number = Number(digits);
  if (epoch === latest.epoch && number <= latest.number) return true;
  latest = { epoch, number };
  return false;
}

const auth = (give) => give({ token: currentToken(), lastEventId });
const socket = io(url, { auth, transports: [transport], reconnectionDelay: 50, reconnectionDelayMax: 500 });
socket.on("connect", () => {
  caughtUp = false;
});
socket.onAny((event, envelope, id) => {
  if (event === "catchup" || (id && isRepeat(id))) return;
  handle(event, envelope);
  if (caughtUp && id) lastEventId = id;
});
socket.on("catchup", (notice, position) => {
  act(notice);
  lastEventId = position ?? lastEventId;
  caughtUp = true;
});
socket.on("connect", () => console.log("connect"));
