// Memberships end and are granted again, with the same `since`, while connections are cut before their catchup is heard.
// A client that may have dropped a program is told `joined`. One that may have loaded it is told `left`.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Client, closeClients, connect } from "./support/client.mjs";
import { FrameRelay } from "./support/frame_relay.mjs";
import { crier, crierOnly, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";

const SINCE = "2026-01-01T00:00:00Z";

describe("memberships between connects", { skip: crierOnly }, () => {
  let server;
  let relay;
  before(async () => {
    server = await startServer({
      people: {
        users: ["ada", "bea", "cyd", "dot"].map((id) => ({ id, name: id, role: "requester", active: true })),
        members: ["ada", "bea", "cyd", "dot"].flatMap((userId) =>
          (["bea", "dot"].includes(userId) ? ["alpha"] : ["alpha", "beta"]).map((programId) => ({ programId, userId, active: true, since: SINCE })),
        ),
      },
    });
    relay = await FrameRelay.to(server.port);
  });
  after(async () => {
    relay.close();
    await server.stop();
  });
  afterEach(closeClients);

  const remove = (user) => crier("member", "remove", "alpha", user, "--store", server.store);
  const grant = (user) => crier("member", "add", "alpha", user, "--since", SINCE, "--store", server.store);

  test("a program that was away at an admission that was cut is joined, not recovered", async () => {
    const client = new Client({ url: relay.url }, { user: "ada", via: "websocket", reconnection: false });
    await client.notice();
    await server.publish("alpha", "first");
    await client.received("first");
    relay.cut();
    await until(() => !client.socket.connected);
    await server.publish("alpha", "missed");
    await server.publish("beta", "other");
    remove("ada");
    relay.cutNext(3); // OPEN, CONNECT and the event of beta; not the catchup
    client.socket.connect();
    await client.received("other");
    await until(() => !client.socket.connected);
    grant("ada");
    client.socket.connect();
    assert.deepEqual((await client.notice(2)).programs, { alpha: "joined", beta: "recovered" });
    assert.deepEqual(client.requestIds, ["first", "other"]);
  });

  test("who has no program left hears so once, and joins it when it is granted again", async () => {
    const client = await connect(server, { user: "bea" });
    const back = async () => {
      const count = client.notices.length;
      client.socket.io.engine.close();
      return client.notice(count + 1);
    };
    await client.notice();
    remove("bea");
    assert.deepEqual((await back()).programs, { alpha: "left" });
    assert.deepEqual(await back(), { recovered: true, replayed: 0, programs: {} });
    grant("bea");
    assert.deepEqual((await back()).programs, { alpha: "joined" });
  });

  // The official client keeps its offset, which is greater than all that the new user's programs have.
  test("a reset for another user's pid stands until it is heard", async () => {
    let user = "ada";
    const client = new Client({ url: relay.url }, { user, via: "websocket", reconnection: false, auth: (give) => give({ token: tokenFor(user) }) });
    await client.notice();
    await server.publish("alpha", "before");
    await server.publish("beta", "last of ada's");
    await client.received("last of ada's");
    relay.cut();
    await until(() => !client.socket.connected);
    user = "dot"; // a member of alpha alone
    for (let i = 0; i < 2; ++i) {
      relay.cutNext(2); // OPEN and CONNECT; not the catchup
      client.socket.connect();
      await until(() => client.connections === i + 2);
      await until(() => !client.socket.connected);
    }
    client.socket.connect();
    const notice = await client.notice(2);
    assert.deepEqual([notice.programs, notice.changed], [{ alpha: "reset" }, true]);
    relay.cut();
    await until(() => !client.socket.connected);
    await server.publish("alpha", "after");
    client.socket.connect();
    assert.deepEqual(await client.notice(3), { recovered: true, replayed: 1, programs: { alpha: "recovered" } });
  });

  test("a pid that cannot be opened is answered with changed beside an id that can, until it is heard", async () => {
    let [user, lastEventId] = ["ada", undefined];
    const client = new Client({ url: relay.url }, { user, via: "websocket", reconnection: false, auth: (give) => give({ token: tokenFor(user), lastEventId }) });
    await client.notice();
    await server.publish("alpha", "known");
    lastEventId = (await client.received("known")).id;
    await server.publish("alpha", "missed by who has the id");
    await server.publish("beta", "last");
    await client.received("last");
    relay.cut();
    await until(() => !client.socket.connected);
    user = "dot";
    relay.cutNext(2);
    client.socket.connect();
    await until(() => client.connections === 2);
    await until(() => !client.socket.connected);
    lastEventId = undefined; // now only the pid counts
    client.socket.connect();
    const notice = await client.notice(2);
    assert.deepEqual([notice.programs, notice.changed], [{ alpha: "recovered" }, true]);
    assert.equal(client.requestIds.filter((id) => id === "missed by who has the id").length, 2, "what comes after the id comes again");
  });

  test("what a session was told before its first heartbeat has left", async () => {
    const verdicts = async () => {
      const client = await connect(server, { user: "cyd", auth: { token: tokenFor("cyd"), session: "device" } });
      const { programs } = await client.notice();
      client.close();
      return programs;
    };
    assert.deepEqual(await verdicts(), { alpha: "joined", beta: "joined" });
    remove("cyd");
    assert.deepEqual(await verdicts(), { alpha: "left", beta: "joined" });
    assert.deepEqual(await verdicts(), { alpha: "left", beta: "joined" }, "nobody knows that it was heard");
    grant("cyd");
    assert.deepEqual(await verdicts(), { alpha: "joined", beta: "joined" });
  });
});
