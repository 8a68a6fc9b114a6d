// The demo's routes hand out tokens and publish without a key: to the demo's own page, and to nobody else.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { crierOnly, publication, startServer } from "./support/server.mjs";

describe("the demo's routes", { skip: crierOnly }, () => {
  let server;
  let own;
  before(async () => {
    server = await startServer({ dev: true });
    own = { host: `127.0.0.1:${server.port}` };
  });
  after(() => server?.stop());

  const ROUTES = [
    ["GET", "/"],
    ["GET", "/demo.js"],
    ["GET", "/demo.css"],
    ["GET", "/socket.io/socket.io.min.js"],
    ["GET", "/dev/state"],
    ["POST", "/dev/token", { userId: "ada" }],
    ["POST", "/dev/programs/alpha/events", publication("demo")],
  ];
  const ask = (method, path, json, headers) => {
    const body = json === undefined ? undefined : JSON.stringify(json);
    const typed = body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    return server.request(method, path, { headers: { ...typed, ...headers }, body });
  };

  for (const [method, path, json] of ROUTES) {
    test(`${method} ${path}`, async () => {
      const expected = path === "/socket.io/socket.io.min.js" ? [200, 404] : [200, 202];
      assert.ok(expected.includes((await ask(method, path, json, own)).status));
      assert.ok(expected.includes((await ask(method, path, json, { ...own, origin: `http://${own.host}` })).status));
      for (const foreign of [
        { host: "evil.example" },
        { host: `evil.example:${server.port}` },
        { ...own, origin: "https://evil.example" },
        { ...own, "sec-fetch-site": "cross-site" },
      ]) {
        const { status, text } = await ask(method, path, json, foreign);
        assert.equal(status, 403, JSON.stringify(foreign));
        assert.doesNotMatch(text, /ada|token"/);
      }
      if (json === undefined) return;
      assert.equal((await ask(method, path, json, { ...own, "content-type": "text/plain" })).status, 415);
      assert.equal((await ask(method, path, json, { ...own, "content-type": "text/plain", origin: "https://evil.example" })).status, 403);
    });
  }
});
