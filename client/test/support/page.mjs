// A page of its own, with handlers that throw: `node page.mjs URL`. Prints what happens as lines of JSON, and goes on
// after an uncaught error like a browser does.

import { follow } from "../../dist/index.js";

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
process.on("uncaughtException", (error) => say({ uncaught: error.message }));

const follower = follow(process.argv[2], {
  token: "t",
  io: { reconnectionDelay: 5, transports: ["websocket"] },
  onProgram: (program, verdict) => {
    say({ program, verdict });
    throw new Error(`onProgram ${program}`);
  },
});
let failing = true;
follower.on("comment:added", ({ requestId }) => {
  if (failing && requestId === "2") {
    failing = false;
    throw new Error("handler");
  }
});
follower.on("comment:added", ({ requestId }, id) => say({ requestId, id, cursor: follower.cursor ?? null }));
follower.socket.on("connect", () => say({ connected: true }));
