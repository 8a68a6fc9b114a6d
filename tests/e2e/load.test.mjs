// crier-load counts what it should: each command, over both transports, against Crier, the reference, and an npm
// server with recovery and echo. Figures are bench/'s affair; here every event that was published has to be counted.

import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { dirname, join } from "node:path";
import { Server } from "socket.io";
import { API_KEY, crierBinary, leash, publication, startServer, target, temporaryFolder, tokenFor } from "./support/server.mjs";

const binary = process.env.CRIER_LOAD ?? join(dirname(crierBinary), "crier-load");
const skip = target === "reference" && !existsSync(binary) ? "crier-load is not built" : false;
const CLIENTS = 20;
const people = {
  users: Array.from({ length: CLIENTS }, (_, i) => ({ id: `u${i}`, name: `User ${i}`, role: "requester", active: true })),
  members: Array.from({ length: CLIENTS }, (_, i) => ({ programId: "alpha", userId: `u${i}`, active: true })),
};
const tokens = join(temporaryFolder(), "tokens");
writeFileSync(tokens, people.users.map(({ id }) => `${tokenFor(id)}\n`).join(""));

/** Runs it → {status, stdout, stderr, figures}. */
async function load(...args) {
  const child = leash(spawn(binary, args.map(String), { stdio: ["ignore", "pipe", "pipe"] }));
  const result = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8").on("data", (text) => {
      result[name] += text;
    });
  }
  result.status = await new Promise((done) => child.once("close", done));
  if (result.stdout.startsWith("{")) result.figures = JSON.parse(result.stdout);
  return result;
}

/** As load(), and it went well: → its figures. */
async function figures(...args) {
  const { status, stderr, figures: given } = await load(...args, "--json", "-", "--warm-up", "0.1");
  assert.equal(status, 0, stderr);
  assert.deepEqual(given.errors, {});
  assert.equal(given.disconnects, 0);
  return given;
}

const everyEventEverywhere = ({ deliveries, publishes, latency_us }) => {
  assert.ok(publishes > 0);
  assert.equal(deliveries, publishes * CLIENTS);
  assert.equal(latency_us.count, deliveries);
  assert.ok(latency_us.p50 > 0 && latency_us.p50 <= latency_us.p99 && latency_us.p99 <= latency_us.max);
};

for (const kind of target === "crier" ? ["crier", "reference"] : ["reference"]) {
  describe(`crier-load against ${kind}`, { skip }, () => {
    let server;
    let common;
    before(async () => {
      server = await startServer({ kind, people, env: { CRIER_ENGINE_HANDSHAKES_PER_SECOND: "0" } });
      const body = JSON.stringify(publication("r{n}", { data: { now: "{now}" } }));
      common = [
        "--url", server.url, "--clients", CLIENTS, "--tokens", tokens, "--server-pid", server.pid,
        "--publish", `${server.url}/api/v1/programs/alpha/events`,
        "--publish-header", `Authorization: Bearer ${API_KEY}`, "--publish-body", body,
      ];
    });
    after(() => server.stop());

    for (const transport of ["websocket", "polling"]) {
      const some = (...args) => figures(args[0], ...common, "--transport", transport, "--duration", "0.3", ...args.slice(1));

      test(`idle over ${transport}`, async () => {
        const { connect, memory, server: spent } = await some("idle");
        assert.equal(connect.count, CLIENTS);
        assert.equal(connect.failed, 0);
        assert.equal(connect.handshake_us.count, CLIENTS);
        assert.ok(memory.rss_connected > 0 && spent.cpu_seconds_connecting > 0);
      });

      test(`fanout in a closed loop over ${transport}`, async () => {
        const given = await some("fanout", "--window", "4");
        everyEventEverywhere(given);
        assert.equal(given.window, 4);
        assert.equal(given.broadcast_us.count, given.publishes);
        assert.equal(given.publish_us.count, given.publishes);
        assert.ok(given.cpu_us_per_delivery > 0 && given.server.cpu_share > 0);
      });

      test(`fanout at a rate over ${transport}`, async () => {
        const given = await some("fanout", "--rate", "50");
        everyEventEverywhere(given);
        assert.ok(given.publishes <= 16, `${given.publishes} in 0.3 s at 50 a second`);
        assert.equal(given.rate, 50);
      });

      test(`publish over ${transport}`, async () => {
        everyEventEverywhere(await some("publish", "--publishers", "4"));
      });

      test(`connect again and again over ${transport}`, async () => {
        const { connect } = await some("connect", "--connecting", "8");
        assert.ok(connect.count > 0);
        assert.equal(connect.failed, 0);
        assert.equal(connect.handshake_us.count, connect.count);
      });
    }

    test("connect all once", async () => {
      const { connect } = await figures("connect", ...common);
      assert.equal(connect.count, CLIENTS);
    });

    test("publish a number of them", async () => {
      const given = await figures("publish", ...common, "--count", "50");
      assert.equal(given.publishes, 50);
      everyEventEverywhere(given);
    });

    test("slow readers are told apart", async () => {
      const given = await figures("fanout", ...common, "--duration", "0.3", "--slow", "0.1");
      assert.equal(given.slow.clients, 2);
      assert.equal(given.deliveries, given.publishes * (CLIENTS - 2));
    });

    test("a report is one file", async () => {
      const file = join(temporaryFolder(), "report.html");
      const { status, stdout } = await load("fanout", ...common, "--duration", "0.3", "--html", file);
      assert.equal(status, 0);
      assert.match(stdout, /^deliveries +[0-9,]+, /m);
      const page = readFileSync(file, "utf8");
      assert.ok(page.split("<svg").length >= 5, "a curve, a histogram, and three over time");
      assert.doesNotMatch(page, /(src|href)=/);
    });

    test("what is refused is said in one sentence", async () => {
      const stranger = await load("idle", "--url", server.url, "--token", "nonsense");
      assert.equal(stranger.status, 1);
      assert.match(stranger.stderr, /^crier-load: no client could connect: connect_error: \{.*\}\n$/);
      const args = [...common];
      args[args.indexOf("--publish-header") + 1] = "Authorization: Bearer wrong";
      const publisher = await load("fanout", ...args);
      assert.equal(publisher.status, 1);
      assert.match(publisher.stderr, /^crier-load: no publish is accepted: publish 401: .*\n$/);
    });

    // The reference keeps no sessions.
    if (kind !== "reference") {
      test("recover", async () => {
        for (const transport of ["websocket", "polling"]) {
          const once = await figures("recover", ...common, "--transport", transport);
          assert.equal(once.recoveries, CLIENTS);
          assert.equal(once.not_recovered, 0);
        }
        const again = await figures("recover", ...common, "--duration", "0.3", "--connecting", "4");
        assert.ok(again.recoveries > 0);
        assert.equal(again.not_recovered, 0);
      });
    }
  });
}

describe("crier-load against npm socket.io", { skip }, () => {
  const http = createServer((req, res) => {
    const chunks = [];
    req.on("data", (chunk) => chunks.push(chunk));
    req.on("end", () => {
      io.of("/news").emit("event", JSON.parse(Buffer.concat(chunks).toString()));
      res.end("ok");
    });
  });
  const io = new Server(http, { connectionStateRecovery: {}, path: "/live/" });
  io.of("/news").on("connection", (socket) => socket.on("say", (text, ack) => ack(text)));
  let common;
  before(async () => {
    await new Promise((done) => http.listen(0, "127.0.0.1", done));
    const url = `http://127.0.0.1:${http.address().port}`;
    common = ["--url", url, "--path", "/live", "--namespace", "/news", "--clients", CLIENTS, "--publish", `${url}/emit`];
  });
  after(() => io.close());

  for (const transport of ["websocket", "polling"]) {
    test(`echo over ${transport}`, async () => {
      const args = [...common, "--transport", transport, "--duration", "0.3", "--event", "say"];
      const given = await figures("echo", ...args, "--window", "2", "--bytes", "500");
      assert.ok(given.acks > 0);
      assert.equal(given.round_trip_us.count, given.acks);
      const paced = await figures("echo", ...args, "--rate", "100");
      assert.ok(paced.acks > 0 && paced.acks <= 40, `${paced.acks} in 0.3 s at 100 a second`);
    });

    test(`recover over ${transport}`, async () => {
      const given = await figures("recover", ...common, "--transport", transport);
      assert.equal(given.recoveries, CLIENTS);
      assert.equal(given.not_recovered, 0);
    });

    test(`fanout with the body that it has by itself over ${transport}`, async () => {
      everyEventEverywhere(await figures("fanout", ...common, "--transport", transport, "--duration", "0.3"));
    });
  }

  test("events without a time in them are counted too", async () => {
    const given = await figures("fanout", ...common, "--duration", "0.3", "--publish-body", '{"n":{n}}', "--window", "2");
    assert.ok(given.publishes > 0);
    assert.equal(given.deliveries, given.publishes * CLIENTS);
    assert.equal(given.latency_us, undefined);
  });

  test("an event that nobody acknowledges is said so", async () => {
    const { status, stderr } = await load("echo", ...common, "--duration", "0.1", "--warm-up", "0", "--event", "nothing");
    assert.equal(status, 1);
    assert.match(stderr, /nobody acknowledges the event "nothing"/);
  });
});

test("crier-load speaks TLS, and checks certificates unless it is told not to", { skip }, async (t) => {
  const folder = temporaryFolder();
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const made = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost", "-days", "1"];
  execFileSync("openssl", ["req", ...made, "-keyout", key, "-out", cert], { stdio: "ignore" });
  const http = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (req, res) => {
    req.resume().on("end", () => {
      io.emit("event", { text: "without a time" });
      res.end("ok");
    });
  });
  const io = new Server(http);
  t.after(() => io.close());
  await new Promise((done) => http.listen(0, "127.0.0.1", done));
  const url = `https://127.0.0.1:${http.address().port}`;
  for (const transport of ["websocket", "polling"]) {
    const given = await figures(
      "fanout", "--url", url, "--clients", "5", "--transport", transport, "--insecure", "--publish", `${url}/emit`, "--publish-body", "x", "--duration", "0.3",
    );
    assert.ok(given.publishes > 0);
    assert.equal(given.deliveries, given.publishes * 5);
  }
  const checked = await load("idle", "--url", url);
  assert.equal(checked.status, 1);
  assert.match(checked.stderr, /^crier-load: no client could connect: connect: certificate: self.signed certificate\n$/);
});

test("crier-load refuses bad options in one sentence", { skip }, async () => {
  const { status, stderr } = await load("fanout", "--url", "http://127.0.0.1:1");
  assert.equal(status, 2);
  assert.equal(stderr, "crier-load: fanout needs --publish URL\n");
});

test("crier-load says when nobody is there", { skip }, async () => {
  const { status, stderr } = await load("idle", "--url", "http://127.0.0.1:1");
  assert.equal(status, 1);
  assert.equal(stderr, "crier-load: no client could connect: connect: Connection refused\n");
});
