// A membership that ended and began again while its client was away owes nothing of the time before;
// one that went on owes all of it, whatever was written of it meanwhile.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { closeClients, connect } from "./support/client.mjs";
import { crier, crierOnly, PEOPLE, startServer, writePeople } from "./support/server.mjs";

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
  const anew = { missed: ["beta-1"], recovered: false, alpha: "joined", beta: "recovered" };

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

  test("is removed and added: it joins anew", async () => {
    assert.deepEqual(
      await awayWhile(() => {
        remove();
        add();
      }),
      anew,
    );
  });

  test("is ended and begun again by imports: it joins anew", async () => {
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
    add();
  });
});
