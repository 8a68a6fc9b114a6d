// A front end of the original, as a script: what it does with a server, and what it observes. Run
// against the reference and against Crier, the result must be the same. Events are a millisecond and
// more apart, where the reference, too, loses none.

import jwt from "jsonwebtoken";
import { Client, closeClients } from "../support/client.mjs";
import { publication, SECRET, tokenFor } from "../support/server.mjs";
import { until } from "../support/until.mjs";

const withoutTime = ({ timestamp, ...envelope }) => JSON.stringify(envelope);

/** → everything observed, by name. Nothing in it depends on the time or on random numbers. */
export async function frontEnd(server, via) {
  const observed = {};
  await refusals(server, via, observed);
  await session(server, via, observed);
  await catchUp(server, via, observed);
  await publishing(server, observed);
  closeClients();
  return observed;
}

async function refusals(server, via, observed) {
  const auths = {
    none: (give) => give(),
    junk: { token: "junk" },
    expired: { token: tokenFor("ada", { expiresIn: -5 }) },
    "other secret": { token: jwt.sign({ sub: "ada" }, "some other secret") },
    "no subject": { token: jwt.sign({ name: "ada" }, SECRET) },
    unknown: { token: tokenFor("nobody") },
    inactive: { token: tokenFor("dora") },
  };
  observed.refusals = {};
  for (const [name, auth] of Object.entries(auths)) {
    const client = new Client(server, { auth, via });
    const error = await client.refused();
    observed.refusals[name] = [error.message, client.socket.active, client.connections];
    client.close();
  }
  const other = new Client(server, { user: "ada", via, path: "/admin" });
  observed.namespace = (await other.refused()).message;
  other.close();
}

async function session(server, via, observed) {
  const opened = await server.get("/socket.io/?EIO=4&transport=polling");
  const { sid, ...handshake } = JSON.parse(opened.text.slice(1));
  observed.handshake = [Object.keys(handshake).join(), JSON.stringify(handshake), typeof sid];

  const ada = await new Client(server, { user: "ada", via }).connected();
  const cleo = await new Client(server, { user: "cleo", via }).connected();
  observed.transport = ada.transport;
  ada.socket.emit("request:created", { forged: true });
  const data = { title: "Ä bell 🔔", list: [1, 2.5, null, { deep: true }] };
  for (const event of ["request:created", "comment:added", "chain:step_advanced"]) {
    await server.publish("alpha", `${via}-${event}`, { event, data });
    await server.publish("beta", `${via}-${event}`, { event, data });
  }
  await ada.received(`${via}-chain:step_advanced`);
  await cleo.received(`${via}-chain:step_advanced`);
  observed.ada = ada.seen.map(({ event, envelope }) => [event, withoutTime(envelope)]);
  observed.cleo = cleo.seen.map(({ event, envelope }) => [event, withoutTime(envelope)]);
  ada.socket.disconnect();
  observed.goodbye = ada.closes;
  cleo.close();
}

async function catchUp(server, via, observed) {
  let cursor;
  const ben = new Client(server, {
    user: "ben",
    via,
    auth: (give) => give({ token: tokenFor("ben"), ...(cursor === undefined ? {} : { lastEventTimestamp: cursor }) }),
  });
  await ben.connected();
  const note = () => {
    if (ben.seen.length > 0) cursor = Math.max(...ben.seen.map(({ envelope }) => Date.parse(envelope.timestamp)));
  };
  const first = await server.publish("alpha", "seen");
  await ben.received("seen");
  note();
  observed.timestampIsTheAnswers = ben.seen[0].envelope.timestamp === first.timestamp;
  ben.socket.disconnect();
  for (let i = 1; i <= 5; i += 1) {
    await server.publish("alpha", `missed-alpha-${i}`);
    await server.publish("gamma", `missed-gamma-${i}`);
    await server.publish("delta", `missed-delta-${i}`);
  }
  ben.socket.connect();
  await ben.connected(2);
  await until(() => ben.seen.length === 11);
  await server.publish("beta", "live");
  await ben.received("live");
  note();
  // The reference replays one program after the other; order holds within each.
  observed.caughtUp = byProgram(ben.requestIds.slice(0, -1));
  observed.live = ben.requestIds.at(-1);
  ben.socket.disconnect();
  for (let i = 1; i <= 60; i += 1) await server.publish("alpha", `sixty-${i}`);
  const before = ben.seen.length;
  ben.socket.connect();
  await ben.connected(3);
  await ben.received("sixty-60");
  await server.publish("beta", "live-again");
  await ben.received("live-again");
  observed.newestFifty = ben.requestIds.slice(before).filter((id) => id.startsWith("sixty"));
  note();
  ben.socket.io.engine.close();
  await ben.connected(4);
  await server.publish("alpha", "after-the-cut");
  await ben.received("after-the-cut");
  observed.closes = ben.closes;
  ben.close();
}

function byProgram(ids) {
  const groups = {};
  for (const id of ids) (groups[id.split("-")[1] ?? ""] ??= []).push(id);
  return Object.fromEntries(Object.entries(groups).sort());
}

async function publishing(server, observed) {
  const good = await server.post("alpha", publication("p"));
  observed.accepted = [good.status, Object.keys(good.json).sort().join(), good.headers["content-type"].split(";")[0]];
  const cases = {
    "no JSON": ["{"],
    "unknown event": [{ ...publication("p"), event: "no:such" }],
    "no request id": [{ ...publication("p"), requestId: undefined }],
    "wrong key": [publication("p"), { authorization: "Bearer no" }],
    "wrong type": [publication("p"), { "content-type": "text/plain" }],
  };
  observed.publishRefusals = {};
  for (const [name, [body, headers]] of Object.entries(cases)) {
    const { status, json } = await server.post("alpha", body, headers);
    observed.publishRefusals[name] = [status, json.path, Object.keys(json).sort().join()];
  }
}
