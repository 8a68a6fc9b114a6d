// A verdict stands until it was heard: the connection is cut after every single packet of an admission, and the
// handler of docs/recovery.md, on the unmodified client, hears of it in the end.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Client, closeClients } from "./support/client.mjs";
import { FrameRelay } from "./support/frame_relay.mjs";
import { crier, crierOnly, startServer, tokenFor } from "./support/server.mjs";
import { until } from "./support/until.mjs";

/** What an application knows that acts on `catchup` alone. */
class Page {
  heard = [];
  ids = new Set();

  constructor(relay, user, auth = {}) {
    this.client = new Client({ url: relay.url }, { user, via: "websocket", timeout: 300, ...auth });
    this.client.socket.on("catchup", ({ programs }) => this.heard.push(programs));
    this.client.socket.onAny((event, envelope, id) => {
      if (event !== "catchup") this.ids.add(id);
    });
  }

  async hears(program, verdict, after = 0) {
    await until(() => this.heard.slice(after).some((programs) => programs[program] === verdict), {
      what: () => `${program} to be ${verdict}; heard ${JSON.stringify(this.heard)}`,
    });
  }
}

describe("verdicts that are cut off", { skip: crierOnly }, () => {
  let server;
  let relay;
  before(async () => {
    server = await startServer({ env: { CRIER_HISTORY_EVENTS_MAX: "3" } });
    relay = await FrameRelay.to(server.port);
  });
  after(async () => {
    relay.close();
    await server.stop();
  });
  afterEach(closeClients);

  // OPEN, CONNECT, up to three events of a replay, catchup: cut before the first, and after each but the last.
  const places = [0, 1, 2, 3, 4, 5];

  /** A page of ben's that has heard its first catchup, and whose connection is then cut, to come back so often in vain. */
  async function away(cuts, meanwhile) {
    const page = new Page(relay, "ben");
    await page.hears("alpha", "joined");
    const known = page.heard.length;
    relay.cutNext(...cuts);
    await meanwhile(() => relay.cut());
    return { page, known };
  }

  for (const frames of places) {
    test(`a first visit cut after ${frames} packets is joined`, async () => {
      relay.cutNext(frames, frames);
      await new Page(relay, "ben").hears("alpha", "joined");
    });

    test(`a gap cut after ${frames} packets is told`, async () => {
      const { page, known } = await away([frames, frames], async (cut) => {
        cut();
        for (let i = 0; i < 6; ++i) await server.publish("alpha", `gap-${frames}-${i}`);
      });
      await page.hears("alpha", "gap", known);
    });

    test(`a membership that ended, cut after ${frames} packets, has left`, async () => {
      const { page, known } = await away([frames, frames], async (cut) => {
        crier("member", "remove", "gamma", "ben", "--store", server.store);
        cut();
      });
      await page.hears("gamma", "left", known);
      crier("member", "add", "gamma", "ben", "--store", server.store);
      relay.cutNext(frames, frames);
      const told = page.heard.length;
      relay.cut();
      await page.hears("gamma", "joined", told);
    });
  }

  test("an unreadable cursor that is cut off is a reset", async () => {
    for (const frames of places) {
      relay.cutNext(frames, frames);
      // The page gives its own cursor until it was connected once; then the official client's pid is all.
      const page = new Page(relay, "ben", {
        auth: (give) => give({ token: tokenFor("ben"), ...(page.client.connections === 0 && { lastEventId: "foreign" }) }),
      });
      await until(() => page.heard.length > 0, { what: () => "a word" });
      assert.equal(page.heard[0].alpha, "reset", `after ${frames} packets`);
      page.client.close();
    }
  });
});
