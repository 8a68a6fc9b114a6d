// A membership owes nothing of the time before it began, whatever cursor a client brings; one that went on while its client was
// away owes all of that time, whatever was written of it meanwhile.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, afterEach, before, describe, test } from "node:test";
import { closeClients, connect } from "./support/client.mjs";
import { crier, crierOnly, PEOPLE, startServer, tokenFor, writePeople } from "./support/server.mjs";
import { until } from "./support/until.mjs";

describe("a membership, while its client is away,", { skip: crierOnly }, () => {
  let server;
  let round = 0;
  before(async () => {
    server = await startServer();
  });
  after(() => server?.stop());
  afterEach(closeClients);

  const add = (...more) => crier("member", "add", "alpha", "ben", "--store", server.store, ...more);
  const remove = () => crier("member", "remove", "alpha", "ben", "--store", server.store);
  const importAgain = () => writePeople(server.store, PEOPLE);

  /** ben goes, `change` happens between two events of alpha and beta each, ben comes back. */
  async function awayWhile(change) {
    round += 1;
    const id = (name) => `${round}-${name}`;
    const ben = await connect(server, { user: "ben", reconnection: false });
    await server.publish("alpha", id("seen"));
    await ben.received(id("seen"));
    ben.socket.io.engine.close();
    await server.publish("alpha", id("alpha-1"));
    await server.publish("beta", id("beta-1"));
    await change();
    // A membership begins with the next whole millisecond.
    const changed = Date.now();
    await until(() => Date.now() > changed + 2, { every: 1 });
    await server.publish("alpha", id("alpha-2"));
    ben.socket.connect();
    await ben.connected(2);
    await server.publish("alpha", id("live"));
    await ben.received(id("live"));
    return {
      missed: ben.requestIds.slice(1, -1).map((name) => name.slice(`${round}-`.length)),
      recovered: ben.socket.recovered,
      alpha: ben.notices.at(-1).programs.alpha,
      beta: ben.notices.at(-1).programs.beta,
    };
  }

  const whole = { missed: ["alpha-1", "beta-1", "alpha-2"], recovered: true, alpha: "recovered", beta: "recovered" };
  const anew = { missed: ["beta-1", "alpha-2"], recovered: false, alpha: "joined", beta: "recovered" };

  test("goes on: all that was missed comes", async () => {
    assert.deepEqual(await awayWhile(() => {}), whole);
  });

  test("is written again by the command line and by an import: it goes on", async () => {
    assert.deepEqual(
      await awayWhile(() => {
        add();
        importAgain();
        importAgain();
      }),
      whole,
    );
  });

  test("goes on while its user is deactivated and activated", async () => {
    assert.deepEqual(
      await awayWhile(() => {
        crier("user", "deactivate", "ben", "--store", server.store);
        importAgain();
      }),
      whole,
    );
  });

  test("is removed and added: it joins again, and is sent what came after that", async () => {
    assert.deepEqual(
      await awayWhile(() => {
        remove();
        add();
      }),
      anew,
    );
  });

  test("is ended and begun again by imports: it joins again, and is sent what came after that", async () => {
    const ended = { users: [], members: [{ programId: "alpha", userId: "ben", active: false }] };
    assert.deepEqual(
      await awayWhile(() => {
        writePeople(server.store, ended);
        importAgain();
      }),
      anew,
    );
  });

  test("is removed: nothing of it comes", async () => {
    round += 1;
    const ben = await connect(server, { user: "ben", reconnection: false });
    await server.publish("beta", `${round}-seen`);
    await ben.received(`${round}-seen`);
    ben.socket.io.engine.close();
    await server.publish("alpha", `${round}-alpha`);
    await server.publish("beta", `${round}-beta`);
    remove();
    ben.socket.connect();
    await ben.connected(2);
    await ben.received(`${round}-beta`);
    assert.deepEqual(ben.requestIds, [`${round}-seen`, `${round}-beta`]);
    assert.equal((await ben.notice()).programs.alpha, "left");
    assert.equal((await ben.notice()).recovered, false);
    ben.socket.io.engine.close();
    ben.socket.connect();
    await ben.connected(3);
    await ben.notice(3);
    assert.deepEqual(ben.notices.at(-1).programs, { beta: "recovered", gamma: "recovered" }, "it was told");
    add();
  });
});

describe("memberships that are too many to be named in a pid", { skip: crierOnly }, () => {
  const programs = Array.from({ length: 17 }, (_, i) => `${i}-${randomUUID()}`);
  let server;
  before(async () => {
    server = await startServer({
      people: {
        users: [{ id: "big", name: "Big", role: "requester", active: true }],
        members: programs.map((programId) => ({ programId, userId: "big", active: true })),
      },
    });
  });
  after(() => server?.stop());
  afterEach(closeClients);

  const member = (...command) => crier("member", ...command, "--store", server.store);
  /** What `big` is told that was away while `change` happened. */
  async function toldAfter(change) {
    const big = await connect(server, { user: "big", reconnection: false });
    await big.notice();
    big.socket.io.engine.close();
    await until(() => !big.socket.connected);
    change();
    big.socket.connect();
    await big.connected(2);
    return big.notice(2);
  }

  test("nothing has changed: all is recovered", async () => {
    const told = await toldAfter(() => {});
    assert.equal(told.recovered, true);
    assert.equal(told.changed, undefined);
  });

  test("one began: it is joined, though nothing was published since", async () => {
    const told = await toldAfter(() => member("add", "q1", "big"));
    assert.equal(told.programs.q1, "joined");
    assert.equal(Object.values(told.programs).filter((verdict) => verdict === "recovered").length, 17);
    assert.equal(told.changed, undefined);
  });

  test("one ended and another one took its place with an early since: that something has changed is told", async () => {
    const told = await toldAfter(() => {
      member("remove", programs[1], "big");
      member("add", "q2", "big", "--since", "2020-01-01");
    });
    assert.equal(told.recovered, false);
    assert.equal(told.changed, true);
  });
});

describe("what was published before a grant", { skip: crierOnly }, () => {
  let server;
  before(async () => {
    server = await startServer();
  });
  after(() => server?.stop());
  afterEach(closeClients);

  const member = (what, ...more) => crier("member", what, "secret", "ada", "--store", server.store, ...more);
  const first = { token: tokenFor("ada") };

  /** The names of what a client of ada's with this `auth` is sent of `secret` before its catchup, and the verdict. */
  async function sent(auth) {
    const ada = await connect(server, { auth: { ...first, ...auth }, reconnection: false });
    const { programs } = await ada.notice();
    const names = ada.seen.filter(({ envelope }) => envelope.programId === "secret").map(({ envelope }) => envelope.requestId);
    return { names, verdict: programs.secret };
  }

  test("is not sent, nor what was published while it was revoked, for any cursor", async () => {
    const start = await server.publish("alpha", "start");
    for (const name of ["secret-1", "secret-2", "secret-3"]) await server.publish("secret", name);
    member("add");
    const ada = await connect(server, { user: "ada", reconnection: false });
    assert.deepEqual(await sent({ lastEventId: start.id }), { names: [], verdict: "joined" });
    assert.deepEqual(await sent({ lastEventTimestamp: 1 }), { names: [], verdict: "joined" });
    await server.publish("alpha", "granted");
    await ada.received("granted");
    ada.socket.io.engine.close();
    member("remove");
    await server.publish("secret", "secret-4");
    member("add");
    await server.publish("secret", "secret-5");
    ada.socket.connect();
    await ada.connected(2);
    assert.equal((await ada.notice(2)).programs.secret, "joined", "by its pid");
    assert.deepEqual(ada.requestIds, ["granted", "secret-5"], "by its pid");
    assert.deepEqual(await sent({ lastEventId: start.id }), { names: ["secret-5"], verdict: "joined" });
    assert.deepEqual(await sent({ lastEventTimestamp: 1 }), { names: ["secret-5"], verdict: "joined" });
  });

  test("is sent to who is a member since an earlier time, as the writer says", async () => {
    const event = await server.publish("other", "other-1");
    await server.publish("other", "other-2");
    const at = event.timestamp;
    crier("member", "add", "other", "ada", "--since", at, "--store", server.store);
    const auth = { ...first, lastEventTimestamp: Date.parse(at) - 1 };
    const ada = await connect(server, { auth, reconnection: false });
    await ada.notice();
    assert.ok(ada.requestIds.includes("other-2"));
    assert.match(crier("member", "list", "--user", "ada", "--program", "other", "--store", server.store), new RegExp(`\t${at}\n$`));
  });
});
