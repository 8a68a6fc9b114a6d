// The daemon with a certificate of its own: what works in clear works encrypted, and the certificate is renewed
// without anybody losing a connection.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { connect as connectPlainly } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { connect } from "node:tls";
import { Client, closeClients, TRANSPORTS } from "./support/client.mjs";
import { crierBinary, crierOnly, startServer, temporaryFolder } from "./support/server.mjs";
import { until } from "./support/until.mjs";

/** An authority, and what it signs. */
class Authority {
  folder = temporaryFolder();
  ca = join(this.folder, "ca.crt");

  constructor() {
    this.#run(`openssl req -x509 ${this.#key("ca")} -out ca.crt -subj /CN=ca -days 1`);
  }
  issue(name) {
    this.#run(
      `openssl req -new ${this.#key(name)} -out request -subj /CN=${name}
       printf 'subjectAltName=IP:127.0.0.1' > extensions
       openssl x509 -req -in request -CA ca.crt -CAkey ca.key -CAcreateserial -days 1 -extfile extensions -out ${name}.crt`,
    );
  }
  /** Makes a certificate the one that is served. */
  put(name) {
    for (const kind of ["crt", "key"]) copyFileSync(join(this.folder, `${name}.${kind}`), join(this.folder, `served.${kind}`));
  }
  get tls() {
    return { certificate: join(this.folder, "served.crt"), key: join(this.folder, "served.key"), ca: this.ca };
  }
  #key(name) {
    return `-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${name}.key`;
  }
  #run(script) {
    const { status, stderr } = spawnSync("sh", ["-ec", script], { cwd: this.folder, encoding: "utf8" });
    assert.equal(status, 0, stderr);
  }
}

describe("TLS", { skip: crierOnly }, () => {
  let authority;
  let server;
  let ca;
  before(async () => {
    authority = new Authority();
    authority.issue("first");
    authority.put("first");
    ca = readFileSync(authority.ca);
    server = await startServer({ tls: authority.tls, env: { CRIER_LOG_LEVEL: "debug", CRIER_HTTP_REQUEST_TIMEOUT: "1s", CRIER_ENGINE_SLOW_READER_TIMEOUT: "1s" } });
  });
  after(() => server?.stop());
  afterEach(closeClients);

  /** What is shown to a new connection, and what was agreed on. */
  async function handshake(options = {}) {
    const socket = connect({ host: "127.0.0.1", port: server.port, ca, ...options });
    await once(socket, "secureConnect");
    const result = { serial: socket.getPeerCertificate().serialNumber, alpn: socket.alpnProtocol, version: socket.getProtocol() };
    socket.destroy();
    return result;
  }
  /** All that the server says to bytes on a connection without TLS; ends when the server ends it. */
  async function sayInClear(bytes, port = server.port) {
    const socket = connectPlainly({ host: "127.0.0.1", port });
    let answer = "";
    socket.setEncoding("latin1").on("data", (text) => {
      answer += text;
    });
    socket.on("error", () => {}); // a reset is as good
    if (bytes) socket.write(bytes);
    await new Promise((done) => socket.once("close", done));
    return answer;
  }

  for (const via of Object.keys(TRANSPORTS)) {
    test(`the official client gets its events over ${via}`, async () => {
      const client = await new Client(server, { user: "ada", via, ca }).connected();
      const ids = Array.from({ length: 20 }, (_, i) => `${via}-${i}`);
      for (const id of ids) await server.publish("alpha", id);
      await client.received(ids.at(-1));
      assert.deepEqual(client.requestIds.filter((id) => id.startsWith(`${via}-`)), ids);
    });
  }

  test("a client that comes back gets what it missed", async () => {
    const client = await new Client(server, { user: "ada", ca }).connected();
    await server.publish("alpha", "before");
    await client.received("before");
    client.socket.io.engine.close();
    await server.publish("alpha", "meanwhile");
    await client.connected(2);
    await client.received("meanwhile");
    assert.ok(client.socket.recovered);
  });

  test("a client that missed megabytes gets them, and what is new behind them", { timeout: 60_000 }, async () => {
    const client = await new Client(server, { user: "ada", ca }).connected();
    await server.publish("alpha", "last");
    await client.received("last");
    client.socket.io.engine.close();
    const ids = Array.from({ length: 60 }, (_, i) => `missed-${i}`);
    for (const id of ids) await server.publish("alpha", id, { data: { text: "x".repeat(100_000) } });
    await client.connected(2);
    await server.publish("alpha", "new");
    await client.received("new", 30_000);
    assert.ok(client.socket.recovered);
    assert.deepEqual(client.requestIds.slice(client.requestIds.indexOf("last")), ["last", ...ids, "new"]);
    assert.equal(client.connections, 2);
  });

  test("events of many records arrive whole, beside slow and quick clients", async () => {
    const clients = Array.from({ length: 20 }, () => new Client(server, { user: "ada", ca }));
    await Promise.all(clients.map((client) => client.connected()));
    const text = "x".repeat(100_000);
    for (let i = 0; i < 10; i += 1) await server.publish("alpha", `large-${i}`, { data: { text } });
    for (const client of clients) {
      await client.received("large-9");
      assert.deepEqual(client.seen.map(({ envelope }) => envelope.data.text?.length), Array(10).fill(text.length));
    }
  });

  test("HTTP/1.1 is agreed on, over TLS 1.3 or 1.2 and nothing older", async () => {
    assert.deepEqual({ ...(await handshake({ ALPNProtocols: ["h2", "http/1.1"] })), serial: "" }, { serial: "", alpn: "http/1.1", version: "TLSv1.3" });
    assert.equal((await handshake({ maxVersion: "TLSv1.2" })).version, "TLSv1.2");
    await assert.rejects(handshake({ minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" }));
    await assert.rejects(handshake({ ALPNProtocols: ["h2"] }));
  });

  test("what is no TLS is closed, and the server goes on", async () => {
    const answer = await sayInClear("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.doesNotMatch(answer, /HTTP/);
    await sayInClear(Buffer.alloc(70_000, 0xff));
    await until(() => /level=debug .*an HTTP request.* reason="TLS failed: http request"/.test(server.log), { what: () => server.log });
    assert.equal((await server.get("/healthz")).status, 200);
  });

  test("a handshake that does not end is closed after the request timeout", async () => {
    await sayInClear("");
    await sayInClear(Buffer.from("160301020001", "hex"));
    assert.equal((await server.get("/healthz")).status, 200);
  });

  test("TLS without a server for it is closed too", async (t) => {
    const plain = await startServer({ env: { CRIER_LOG_LEVEL: "debug" } });
    t.after(() => plain.stop());
    const socket = connect({ host: "127.0.0.1", port: plain.port, ca });
    await assert.rejects(once(socket, "secureConnect"));
    await until(() => /level=debug .*an HTTP request/.test(plain.log), { what: () => plain.log });
    assert.equal((await plain.get("/healthz")).status, 200);
  });

  test("SIGHUP has a renewed certificate shown to new connections, and old ones live on", async () => {
    const clients = ["websocket", "polling"].map((via) => new Client(server, { user: "ada", via, ca }));
    await Promise.all(clients.map((client) => client.connected()));
    const { serial } = await handshake();
    authority.issue("second");
    authority.put("second");
    assert.equal((await handshake()).serial, serial, "nobody has told yet");
    server.signal("SIGHUP");
    await until(async () => (await handshake()).serial !== serial, { what: () => server.log });
    await server.publish("alpha", "after-renewal");
    for (const client of clients) {
      await client.received("after-renewal");
      assert.deepEqual(client.closes, []);
    }
  });

  test("a certificate that cannot be used is told of, and the old one stays", async () => {
    const { serial } = await handshake();
    writeFileSync(authority.tls.certificate, "nonsense\n");
    server.signal("SIGHUP");
    await until(() => /level=warning msg="the TLS certificate was not replaced" reason="the certificate file/.test(server.log), {
      what: () => server.log,
    });
    assert.equal((await handshake()).serial, serial);
    authority.put("first");
    server.signal("SIGHUP");
    await until(async () => (await handshake()).serial !== serial, { what: () => server.log });
  });

  test("files that cannot be used are named before anything starts", async () => {
    const config = join(authority.folder, "crier.toml");
    const check = (lines) => {
      writeFileSync(config, `[auth]\nsecret = "s"\n[tls]\n${lines}`);
      return spawnSync(crierBinary, ["check", "--config", config], { encoding: "utf8" });
    };
    assert.match(check('certificate_file = "c.crt"\n').stderr, /must be set both or not at all/);
    const missing = check('certificate_file = "/none.crt"\nkey_file = "/none.key"\n');
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /the certificate file \/none\.crt cannot be used: no such file or directory/);
  });

  test("a shutdown says goodbye", async () => {
    const own = await startServer({ tls: authority.tls });
    const client = await new Client(own, { user: "ada", ca, reconnection: false }).connected();
    own.signal("SIGTERM");
    assert.deepEqual(await own.ended(), { code: 0, signal: null });
    await until(() => client.closes.length === 1);
  });

  test("one that takes nothing of what waits for it is closed in time", { timeout: 60_000 }, async () => {
    const stalled = await new Client(server, { user: "ada", ca, reconnection: false }).connected();
    stalled.socket.io.engine.transport.ws._socket.pause();
    for (let i = 0; i < 12; i += 1) await server.publish("alpha", `t${i}`, { data: { text: "x".repeat(900_000) } });
    await until(async () => /crier_closes_total\{reason="slow reader"\} 1/.test((await server.get("/metrics")).text), {
      what: () => "the slow reader to be closed",
    });
    stalled.socket.io.engine.transport.ws._socket.resume();
    await until(() => stalled.closes.length === 1, { what: () => "the client to see it" });
  });
});
