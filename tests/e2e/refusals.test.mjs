// Who may not connect, and what exactly the client is told.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import jwt from "jsonwebtoken";
import { Client, closeClients, connect, TRANSPORTS } from "./support/client.mjs";
import { crierOnly, SECRET, startServer, target, tokenFor } from "./support/server.mjs";

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.stop());
afterEach(closeClients);

const sign = (claims, options = {}) => jwt.sign(claims, options.secret ?? SECRET, options.sign ?? {});
const unsigned = () => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none", typ: "JWT" })}.${part({ sub: "ada" })}.`;
};
const tampered = () => {
  const [head, , signature] = tokenFor("ada").split(".");
  return `${head}.${Buffer.from('{"sub":"ben"}').toString("base64url")}.${signature}`;
};

const REQUIRED = "Authentication required";
const INVALID = "Invalid or expired token";
const PAYLOAD = "Invalid token payload";
const USER = "User not found or inactive";

/** [what is given, auth, message, code] */
const REFUSED = [
  ["no auth", (give) => give(), REQUIRED, "token_missing"],
  ["an empty auth", {}, REQUIRED, "token_missing"],
  ["an empty token", { token: "" }, REQUIRED, "token_missing"],
  ["null as the token", { token: null }, REQUIRED, "token_missing"],
  ["junk as the token", { token: "junk" }, INVALID, "token_malformed"],
  ["three dots", { token: "..." }, INVALID, "token_malformed"],
  ["a token of another secret", { token: sign({ sub: "ada" }, { secret: `another-${SECRET}` }) }, INVALID, "token_signature"],
  ["an unsigned token", { token: unsigned() }, INVALID, "token_algorithm"],
  ["a token whose claims were changed", { token: tampered() }, INVALID, "token_signature"],
  ["a token for another algorithm", { token: sign({ sub: "ada" }, { sign: { algorithm: "HS512" } }) }, INVALID, "token_algorithm"],
  ["an expired token", { token: tokenFor("ada", { expiresIn: -1 }) }, INVALID, "token_expired"],
  ["a token of tomorrow", { token: tokenFor("ada", { notBefore: "1d", expiresIn: "2d" }) }, INVALID, "token_not_yet_valid"],
  ["a token without a subject", { token: sign({ name: "ada" }) }, PAYLOAD, "token_subject"],
  ["a token with an empty subject", { token: sign({ sub: "" }) }, PAYLOAD, "token_subject"],
  ["a user that does not exist", { token: tokenFor("nobody") }, USER, "user_inactive"],
  ["an inactive user", { token: tokenFor("dora") }, USER, "user_inactive"],
];

for (const via of Object.keys(TRANSPORTS)) {
  describe(`over ${via}`, () => {
    for (const [given, auth, message, code] of REFUSED) {
      test(`${given} is refused with "${message}"`, async () => {
        const client = new Client(server, { auth, via });
        const error = await client.refused();
        assert.equal(error.message, message);
        if (target === "crier") {
          assert.equal(error.data.code, code);
          assert.match(error.data.detail, /^[A-Z].+\.$/, "a sentence");
          assert.deepEqual(Object.keys(error.data).sort(), ["code", "detail"]);
        }
        assert.equal(client.connections, 0);
        assert.equal(client.socket.active, false, "a refusal is final for the official client");
      });
    }

    test("a token that is no string is refused", async () => {
      for (const token of [1, true, ["x"], { a: 1 }]) {
        const error = await new Client(server, { auth: { token }, via }).refused();
        assert.ok([REQUIRED, INVALID].includes(error.message), error.message);
      }
    });

    test("a token in the query string is not looked at", async () => {
      const client = new Client(server, { auth: {}, query: { token: tokenFor("ada") }, via });
      assert.equal((await client.refused()).message, REQUIRED);
    });

    test("a token in a header is not looked at", async () => {
      const extraHeaders = { authorization: `Bearer ${tokenFor("ada")}` };
      const client = new Client(server, { auth: {}, extraHeaders, via });
      assert.equal((await client.refused()).message, REQUIRED);
    });

    test("a token that expires between two connections is refused at the second", async () => {
      const token = tokenFor("ada", { expiresIn: 2 });
      const client = await connect(server, { auth: { token }, via });
      const { exp } = jwt.decode(token);
      client.socket.disconnect();
      await pause(Math.max(0, exp * 1000 - Date.now() + 20));
      client.socket.connect();
      const error = await client.refused();
      assert.equal(error.message, INVALID);
      assert.equal(error.data.code, "token_expired");
    });

    test("a namespace other than / is refused with its name", async () => {
      const client = new Client(server, { user: "ada", path: "/admin", via });
      assert.equal((await client.refused()).message, "Invalid namespace");
    });

    test("a refused client may try again with a better token on the same connection", async () => {
      let token = "junk";
      const client = new Client(server, { auth: (give) => give({ token }), via });
      await client.refused();
      client.refusals.length = 0;
      token = tokenFor("ada");
      client.socket.connect();
      await client.connected();
      await server.publish("alpha", `again-${via}`);
      await client.received(`again-${via}`);
    });
  });
}

describe("what a client sends", { skip: crierOnly }, () => {
  for (const via of Object.keys(TRANSPORTS)) {
    test(`over ${via}: an event is dropped and the connection goes on`, async () => {
      const [ada, ben] = await Promise.all([connect(server, { user: "ada", via }), connect(server, { user: "ben", via })]);
      ada.socket.emit("request:created", { programId: "alpha" });
      ada.socket.emit("anything", Buffer.from([1, 2, 3]));
      ada.socket.emit("auth:refresh:not", 1);
      const answer = await ada.socket.timeout(5000).emitWithAck("request:created", { programId: "alpha" });
      assert.deepEqual(answer, { error: { code: "not_allowed" } });
      await server.publish("alpha", `after-${via}`);
      await Promise.all([ada.received(`after-${via}`), ben.received(`after-${via}`)]);
      assert.deepEqual(ada.requestIds, [`after-${via}`]);
      assert.deepEqual(ben.requestIds, [`after-${via}`]);
      assert.equal(ada.connections, 1);
    });

    test(`over ${via}: each ack that is asked for is answered once, binary or not`, async () => {
      const ada = await connect(server, { user: "ada", via });
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => ada.socket.timeout(5000).emitWithAck("x", i % 2 ? Buffer.alloc(i) : i)),
      );
      assert.equal(answers.length, 20);
      for (const answer of answers) assert.deepEqual(answer, { error: { code: "not_allowed" } });
    });
  }
});
