// Several daemons that share a Redis and a store: what one loses the other has, and a client may come back to either.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { join } from "node:path";
import { Client, closeClients } from "./support/client.mjs";
import { Front } from "./support/front.mjs";
import { Redis } from "./support/redis.mjs";
import { crier, crierOnly, PEOPLE, startServer, temporaryFolder, tokenFor, writePeople } from "./support/server.mjs";
import { until } from "./support/until.mjs";

const ids = (prefix, from, to) => Array.from({ length: to - from + 1 }, (_, i) => `${prefix}${from + i}`);
/** Long enough to publish something while the client is away. */
const SLOW_RETURN = { reconnectionDelay: 300, reconnectionDelayMax: 300, randomizationFactor: 0 };

describe("two nodes", { skip: crierOnly }, () => {
  let redis;
  let store;
  let nodes;
  let fronts = [];

  const startNode = async (i) => {
    nodes[i] = await startServer({ workers: 2, port: nodes[i]?.port, store, redisUrl: redis.url });
  };
  before(async () => {
    redis = await Redis.start({ keeps: true });
    store = join(temporaryFolder(), "store.db");
    writePeople(store, PEOPLE);
    nodes = [];
    await startNode(0);
    await startNode(1);
  });
  after(async () => {
    for (const node of nodes) await node?.stop();
    await redis?.kill();
  });
  afterEach(() => {
    closeClients();
    for (const front of fronts) front.close();
    fronts = [];
  });

  const frontTo = async (node) => {
    fronts.push(await Front.open(nodes, node));
    return fronts.at(-1);
  };
  const publish = async (node, program, requestIds) => {
    for (const id of requestIds) await nodes[node].publish(program, id);
  };
  /** The client came back with all it missed, and says so. */
  const assertWhole = async (client, wanted) => {
    assert.deepEqual(client.requestIds, wanted);
    assert.equal(client.socket.recovered, true);
    assert.equal((await client.notice()).recovered, true);
    assert.ok(!client.closes.includes("io server disconnect"), String(client.closes));
  };

  for (const via of ["polling", "websocket", "upgrade"]) {
    test(`${via}: what is published on one node is received on both, in one order`, async () => {
      const clients = await Promise.all(nodes.map((node) => new Client(node, { user: "ben", via }).connected()));
      const prefix = `both-${via}-`;
      for (let n = 1; n <= 20; n += 1) await publish(n % 2, n % 3 === 0 ? "alpha" : "beta", [`${prefix}${n}`]);
      for (const client of clients) {
        await client.received(`${prefix}20`);
        assert.deepEqual(client.requestIds, ids(prefix, 1, 20));
      }
      assert.deepEqual(clients[0].seen.map(({ id }) => id), clients[1].seen.map(({ id }) => id));
    });

    test(`${via}: a client whose node is killed recovers on the other one`, async () => {
      const front = await frontTo(0);
      const ada = await new Client(front, { user: "ada", via, ...SLOW_RETURN }).connected();
      const prefix = `killed-${via}-`;
      await publish(1, "alpha", ids(prefix, 1, 3));
      await ada.received(`${prefix}3`);
      await nodes[0].stop("SIGKILL");
      await until(() => !ada.socket.connected);
      await publish(1, "alpha", ids(prefix, 4, 8));
      await ada.connected(2);
      await publish(1, "alpha", [`${prefix}9`]);
      await ada.received(`${prefix}9`);
      await assertWhole(ada, ids(prefix, 1, 9));
      assert.equal(front.node, 1);
      await startNode(0);
    });

    test(`${via}: a client that saw nothing before its node is killed misses nothing either`, async () => {
      const ada = await new Client(await frontTo(0), { user: "ada", via, ...SLOW_RETURN }).connected();
      const prefix = `quiet-${via}-`;
      await ada.notice(); // or it would be told again that it is new
      await nodes[0].stop("SIGKILL");
      await until(() => !ada.socket.connected);
      await publish(1, "alpha", ids(prefix, 1, 3));
      await ada.connected(2);
      await ada.received(`${prefix}3`);
      await assertWhole(ada, ids(prefix, 1, 3));
      await startNode(0);
    });

    test(`${via}: a client recovers on its own node when that was started again`, async () => {
      const ada = await new Client(nodes[0], { user: "ada", via, ...SLOW_RETURN }).connected();
      const prefix = `restarted-${via}-`;
      await publish(1, "alpha", ids(prefix, 1, 3));
      await ada.received(`${prefix}3`);
      await nodes[0].stop("SIGKILL");
      await publish(1, "alpha", ids(prefix, 4, 8));
      await startNode(0);
      await publish(0, "alpha", [`${prefix}9`]);
      await ada.connected(2);
      await ada.received(`${prefix}9`);
      await assertWhole(ada, ids(prefix, 1, 9));
    });

    test(`${via}: a deploy moves all clients of a node to the other one, and none misses anything`, async () => {
      const clients = await Promise.all(
        Array.from({ length: 12 }, async () => new Client(await frontTo(0), { user: "ada", via }).connected()),
      );
      const prefix = `deploy-${via}-`;
      let published = 0;
      let going = true;
      const publishing = (async () => {
        while (going) await publish(1, "alpha", [`${prefix}${(published += 1)}`]);
      })();
      await until(() => published > 5);
      nodes[0].signal("SIGTERM");
      assert.equal((await nodes[0].ended()).code, 0, nodes[0].log);
      await Promise.all(clients.map((client) => client.connected(2)));
      await startNode(0);
      going = false;
      await publishing;
      for (const client of clients) {
        await client.received(`${prefix}${published}`);
        await assertWhole(client, ids(prefix, 1, published));
      }
    });

    test(`${via}: of a program that was left while away nothing comes, and the others are whole`, async () => {
      const ben = await new Client(await frontTo(0), { user: "ben", via, reconnection: false }).connected();
      const prefix = `left-${via}-`;
      await publish(1, "gamma", [`${prefix}1`]);
      await publish(1, "beta", [`${prefix}2`]);
      await ben.received(`${prefix}2`);
      ben.socket.io.engine.close();
      await publish(1, "gamma", ids(`${prefix}secret-`, 1, 2));
      crier("member", "remove", "gamma", "ben", "--store", store);
      await publish(1, "gamma", ids(`${prefix}secret-`, 3, 4));
      await publish(1, "beta", [`${prefix}3`]);
      ben.socket.connect();
      await ben.connected(2);
      await publish(1, "gamma", ids(`${prefix}secret-`, 5, 6));
      await publish(1, "beta", [`${prefix}4`]);
      await ben.received(`${prefix}4`);
      assert.deepEqual(ben.requestIds, ids(prefix, 1, 4));
      assert.deepEqual(ben.notices.at(-1).programs, { alpha: "recovered", beta: "recovered", gamma: "left" });
      assert.equal(ben.socket.recovered, false, "one has left, and the next pid does not know it");

      crier("member", "add", "gamma", "ben", "--store", store);
      ben.socket.io.engine.close();
      await publish(1, "gamma", [`${prefix}granted`]);
      ben.socket.connect();
      await ben.connected(3);
      assert.equal(ben.socket.recovered, false);
      await publish(1, "gamma", [`${prefix}5`]);
      await ben.received(`${prefix}5`);
      assert.deepEqual(ben.requestIds, [...ids(prefix, 1, 4), `${prefix}granted`, `${prefix}5`], "all since the grant");
      assert.deepEqual(ben.notices.at(-1).programs, { alpha: "recovered", beta: "recovered", gamma: "joined" });
    });
  }

  for (const via of ["polling", "websocket", "upgrade"]) {
    test(`${via}: of two that claim one pid at once, on two nodes, exactly one stays`, async () => {
      const first = await new Client(nodes[0], { user: "ada", via, reconnection: false }).connected();
      const prefix = `claim-${via}-`;
      await publish(1, "alpha", [`${prefix}0`]);
      await first.received(`${prefix}0`);
      first.socket.io.engine.close();
      // What socket.io-client keeps and sends again.
      const { _pid: pid, _lastOffset: offset } = first.socket;
      const auth = { token: tokenFor("ada"), pid, offset };
      for (let round = 1; round <= 6; round += 1) {
        const both = nodes.map((node) => new Client(node, { via, auth, reconnection: false }));
        // One may be closed before it was answered: socket.io-client does not call that a disconnect.
        const answered = ({ connections, socket }) => connections > 0 || socket.io.engine.readyState === "closed";
        await until(() => both.every(answered), { what: () => "both to be answered" });
        await until(() => both.filter(({ socket }) => socket.connected).length === 1, { what: () => `one to stay, in round ${round}` });
        await publish(round % 2, "alpha", [`${prefix}${round}`]);
        const [kept] = both.filter(({ socket }) => socket.connected);
        await kept.received(`${prefix}${round}`);
        for (const { closes } of both) assert.ok(!closes.includes("io server disconnect"), "it may come back");
        assert.equal(both.filter(({ requestIds }) => requestIds.includes(`${prefix}${round}`)).length, 1);
        for (const client of both) client.close();
      }
    });
  }
});
