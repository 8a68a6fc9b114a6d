// Secrets that come from files which end in a newline.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { API_KEY, SECRET, crierBinary, crierOnly, startServer } from "./support/server.mjs";

describe("a newline at the end", { skip: crierOnly }, () => {
  test("of the JWT secret is warned of, and the secret is taken as it is", async (t) => {
    const server = await startServer({ env: { JWT_ACCESS_SECRET: `${SECRET}\n` } });
    t.after(() => server.stop());
    assert.match(server.log, /level=warning msg="the JWT secret \(JWT_ACCESS_SECRET, or \[auth\] secret\) ends in a newline/);
    assert.ok(!server.log.includes(SECRET));
    const usual = await startServer();
    t.after(() => usual.stop());
    assert.doesNotMatch(usual.log, /newline/);
  });

  test("of the API key is refused", () => {
    const env = { JWT_ACCESS_SECRET: SECRET, CRIER_API_KEY: `${API_KEY}\n`, PORT: "0" };
    const { status, stderr } = spawnSync(crierBinary, ["serve"], { env, encoding: "utf8", timeout: 10_000 });
    assert.equal(status, 1);
    assert.match(stderr, /crier: CRIER_API_KEY: must have no blank at its ends and no control character such as a newline/);
    assert.ok(!stderr.includes(API_KEY));
  });
});
