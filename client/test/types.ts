// Compiled, not run: what must not compile is marked, and an error that does not come fails the compilation.

import { io, type Socket } from "socket.io-client";
import {
  EVENTS,
  follow,
  type Catchup,
  type ClientToServerEvents,
  type Envelope,
  type EventName,
  type ServerToClientEvents,
  type Verdict,
} from "../dist/index.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never;
const holds = (..._proofs: true[]) => {};

interface Mine {
  "comment:added": { text: string; at?: number };
  "request:assigned": { assignee: string };
}

const plain = follow("http://localhost", { token: "t" });
plain.on("request:created", (envelope, id) => {
  holds(
    true satisfies Same<typeof envelope, Envelope<"request:created">>,
    true satisfies Same<typeof envelope.event, "request:created">,
    true satisfies Same<typeof id, string | undefined>,
  );
  const at: number = Date.parse(envelope.timestamp);
  // @ts-expect-error A payload that nobody described may hold anything.
  const title: string = envelope.data.title;
  // @ts-expect-error No such member.
  envelope.performedBy.role;
  return void [at, title];
});
// @ts-expect-error Not in the catalogue.
plain.on("request:craeted", () => {});
// @ts-expect-error `catchup` becomes `onProgram`.
plain.on("catchup", () => {});

const typed = follow<Mine>(io("http://localhost"), { onProgram: (program, verdict) => void [program, verdict] });
typed.on("comment:added", ({ data }) => {
  const text: string = data.text;
  // @ts-expect-error Wrong type.
  const number: number = data.text;
  // @ts-expect-error No such member.
  data.body;
  return void [text, number];
});
// @ts-expect-error A handler of another payload.
typed.on("request:assigned", (envelope: Envelope<"request:assigned", { assignee: number }>) => void envelope);
// @ts-expect-error A handler of another event.
typed.on("request:assigned", (envelope: Envelope<"request:created">) => void envelope);
// @ts-expect-error `recovered` needs no loading.
follow(io("http://localhost"), { onProgram: (_program: string, _verdict: "recovered") => {} });
// @ts-expect-error No token.
follow("http://localhost", {});
// @ts-expect-error A payload is an object.
follow<{ "comment:added": string }>("http://localhost", { token: "t" });

// socket.io-client alone.
const socket: Socket<ServerToClientEvents<Mine>, ClientToServerEvents> = io("http://localhost");
socket.on("comment:added", ({ data }, id) => void [data.text.length, id?.length]);
socket.on("catchup", (notice: Catchup) => {
  const verdict: Verdict | undefined = notice.programs["p"] ?? notice.others;
  const changed: boolean | undefined = notice.changed;
  void changed;
  // @ts-expect-error Not a verdict.
  if (verdict === "lost") return;
});
// @ts-expect-error Not in the catalogue.
socket.on("comment:edited", () => {});
// @ts-expect-error Clients only receive.
socket.emit("comment:added", {});
// @ts-expect-error The same through the follower.
typed.socket.emit("comment:added", {});

holds(true satisfies Same<EventName, (typeof EVENTS)[number]>);
// @ts-expect-error A payload that breaks its type.
const wrong: Envelope<"comment:added", Mine["comment:added"]>["data"] = { text: 1 };
void wrong;
