// The judge finds each kind of violation in a record made by hand, and nothing in a record without one.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { judge } from "./judge.mjs";
import { Memberships, read_record, write_record } from "./record.mjs";
import { missing } from "./report.mjs";

const S = 1000;
const id = (gid, epoch = "e") => `${epoch}.${gid}`;
const ALWAYS = { began: -Infinity, ended: -Infinity };

/** Event n is published at n seconds, with the number n × 10. */
const published = (n, more = {}) => ({
  ...{ program: "p", n, began: n * S, ended: n * S + 10, outcome: "numbered", id: id(n * 10), seq: n, tries: 1 },
  ...more,
});
const unnumbered = (n) => published(n, { outcome: "unnumbered", id: null, seq: null });

const opening = (at = 0) => ({ at: at * S, kind: "opening" });
const connect = (at, recovered = false) => ({ at: at * S, kind: "connect", recovered });
const disconnect = (at, reason = "transport close") => ({ at: at * S, kind: "disconnect", reason });
const catchup = (at, verdict, more = {}) => ({
  ...{ at: at * S, kind: "catchup", recovered: verdict === "recovered", programs: { p: verdict }, id: id(Math.floor(at) * 10) },
  ...more,
});
const event = (n, at = n + 0.1, more = {}) => ({ at: at * S, kind: "event", program: "p", n, id: id(n * 10), time: n, ...more });
const loose = (n, at = n + 0.1) => event(n, at, { id: undefined });
/** Connected from 0.2 s on, and told. */
const begin = [opening(), connect(0.2), catchup(0.3, "joined")];

/** A record of one client, of five events unless `publications` says otherwise. */
function record({ log, publications = [1, 2, 3, 4, 5].map((n) => published(n)), cursor = "native", library = "4.8", ...more }) {
  return {
    policy: "deliver",
    events_max: 1000,
    timestamp_max: 50,
    memberships: [{ user: "u", program: "p", active: true, ...ALWAYS }],
    faults: [],
    publications,
    clients: [{ name: "c", user: "u", cursor, library, log }],
    ...more,
  };
}

const found = (options) => judge(record(options)).map(({ kind, text }) => `${kind}: ${text}`);
const fault = (began, ended, flags) => ({ kind: "f", began: began * S, ended: ended * S, ...flags });
const membership = (active, began, ended = began + 0.1) => ({ user: "u", program: "p", active, began: began * S, ended: ended * S });
const many = (count) => Array.from({ length: count }, (_, i) => i + 1);

const three = [...begin, event(1), event(2), event(3)];
const away = [...three, disconnect(3.5)];

const CLEAN = {
  "all of it": { log: [...three, event(4), event(5)] },
  "nothing is owed from before the first catchup": { log: [opening(3.5), connect(3.6), catchup(3.7, "joined"), event(4), event(5)] },
  "a recovery": { log: [...away, connect(4.5, true), event(4, 4.5), catchup(4.6, "recovered"), event(5)] },
  "a gap after an event without a number, heard late": {
    publications: [published(1), unnumbered(2), published(3)],
    log: [...begin, event(1), event(3), disconnect(3.5), connect(4), disconnect(4.1), connect(4.2), catchup(4.3, "gap")],
  },
  "an event without a number that came": { publications: [published(1), unnumbered(2)], log: [...begin, event(1), loose(2)] },
  "a reset after a loss in Redis": {
    faults: [fault(3.2, 3.8, { resets: true })],
    log: [...away, connect(4.2), catchup(4.3, "reset"), event(5)],
  },
  "a hole of a replay that was cut, and told later": {
    faults: [fault(3.2, 3.8, { resets: true })],
    log: [...away, connect(5.2), event(5, 5.2), disconnect(5.3), connect(5.4), catchup(5.5, "reset")],
  },
  "a verdict for all the others": { log: [opening(), connect(0.2), catchup(0.3, "joined", { programs: {}, others: "joined" }), ...three.slice(3), event(4), event(5)] },
  "a session's replay": { cursor: "session", log: [...away, connect(4.5), event(2, 4.5), event(3, 4.5), event(4, 4.5), catchup(4.6, "recovered"), event(5)] },
  "a replay that comes again after one without a catchup": {
    cursor: "event",
    log: [...away, connect(4.3), event(4, 4.3), disconnect(4.4), connect(4.5), event(4, 4.5), catchup(4.6, "recovered"), event(5)],
  },
  "joined again, for want of a time": {
    cursor: "time",
    publications: [],
    log: [...begin, disconnect(3.5), connect(4.5), catchup(4.6, "joined")],
  },
  "a gap of a time at the beginning": { cursor: "time", log: [...away, connect(4.5), event(4, 4.5), catchup(4.6, "gap"), event(5)] },
  "the millisecond of a time": { cursor: "time", log: [...away, connect(4.5), event(3, 4.5), event(4, 4.5), catchup(4.6, "recovered"), event(5)] },
  "a gap where more was missed than is kept": {
    events_max: 2,
    log: [...begin, event(1), disconnect(1.5), connect(4.5), catchup(4.6, "gap"), event(5)],
  },
  "not owed while not a member": {
    memberships: [{ user: "u", program: "p", active: true, ...ALWAYS }, membership(false, 3.6)],
    log: [...away, connect(4.5), catchup(4.6, "left")],
  },
  "joined again": {
    memberships: [{ user: "u", program: "p", active: true, ...ALWAYS }, membership(false, 3.6), membership(true, 4.2)],
    log: [...away, connect(4.5), catchup(4.6, "joined"), event(5)],
  },
  "events while the removal is not known to the connection": {
    memberships: [{ user: "u", program: "p", active: true, ...ALWAYS }, membership(false, 3.6)],
    log: [...three, event(4), event(5)],
  },
  "one that was given up, and was stored": {
    publications: [published(1), published(2, { outcome: "unknown", id: null, seq: null, tries: 3 })],
    log: [...begin, event(1), event(2)],
  },
  "one that was given up, and is nowhere": {
    publications: [published(1), published(2, { outcome: "unknown", id: null, seq: null, tries: 3 })],
    log: [...begin, event(1)],
  },
  "what an instance took while another one did": {
    faults: [fault(3.2, 4.8, { splits: true, resets: true, forgets: true })],
    log: [...away, connect(3.6), catchup(3.7, "reset"), event(5)],
  },
  "a membership that began while the client was connected, and an id": {
    cursor: "event",
    memberships: [membership(true, 2.5)],
    log: [opening(), connect(0.2), catchup(0.3, "joined", { programs: {} }), disconnect(3.5), connect(4.5), event(4, 4.5), catchup(4.6, "recovered"), event(5)],
  },
  "a node that tried again, whose Redis forgot": {
    publications: [published(1)],
    faults: [fault(0.5, 1.005, { forgets: true })],
    log: [...begin, event(1), event(1, 1.2, { id: id(12) })],
  },
  "an event that Python's client hands over after the end": {
    library: "python",
    cursor: "event",
    log: [...away, event(4, 3.5), connect(4.5), catchup(4.6, "recovered"), event(5)],
  },
  "a key that was forgotten": {
    publications: [published(1, { tries: 2 })],
    faults: [fault(0.5, 0.9, { forgets: true })],
    log: [...begin, event(1), event(1, 1.2, { id: id(12) })],
  },
};

const BROKEN = {
  "a hole": [/^loss: got 4 without 3/, { log: [...begin, event(1), event(2), event(4), event(5)] }],
  "a hole in a recovery": [/^loss: got 5 without 4.*told recovered/, { log: [...away, connect(5.5, true), event(5, 5.5), catchup(5.6, "recovered")] }],
  "a hole below the position of a recovery": [/^loss: is recovered without 4/, { log: [...away, connect(4.5, true), catchup(4.6, "recovered"), event(5)] }],
  "an end that is missing": [/^loss: never saw 5/, { log: [...three, event(4)] }],
  "a hole behind what was told": [
    /^loss: got 5 without 4/,
    { faults: [fault(3, 3.4, { resets: true })], log: [...away, connect(3.6), catchup(3.7, "reset"), event(5)] },
  ],
  "an epoch that was left untold": [
    /^loss: saw epoch f without 2/,
    {
      publications: [published(1), published(2), published(3, { id: id(30, "f") })],
      log: [...begin, event(1), event(3, 3.1, { id: id(30, "f") })],
    },
  ],
  "an event that others saw, of a publish without an outcome": [
    /^loss: never saw 2/,
    {
      publications: [published(1), published(2, { outcome: "unknown", id: null, seq: null, tries: 3 })],
      clients: ["c", "d"].map((name) => ({ name, user: "u", cursor: "native", log: name === "c" ? [...begin, event(1)] : [...begin, event(1), event(2)] })),
    },
  ],
  "one without a number, untold": [/^untold: never saw 2/, { publications: [published(1), unnumbered(2)], log: [...begin, event(1)] }],
  "one without a number under refuse": [/^unnumbered: 2 /, { policy: "refuse", publications: [published(1), unnumbered(2)], log: [...begin, event(1), loose(2)] }],
  "a repeat": [/^repeat: got 3/, { log: [...three, event(3, 3.3), event(4), event(5)] }],
  "a repeat under another epoch": [/^repeat: got 3/, { log: [...three, event(3, 3.3, { id: id(30, "f") })], publications: many(3).map((n) => published(n)) }],
  "a repeat across a recovery": [/^repeat: got 3/, { log: [...away, connect(4.5, true), event(3, 4.5), event(4, 4.5), catchup(4.6, "recovered"), event(5)] }],
  "an id's repeat after a catchup": [
    /^repeat: got 3/,
    { cursor: "event", log: [...away, connect(4.5), event(3, 4.5), event(4, 4.5), catchup(4.6, "recovered"), event(5)] },
  ],
  "a pid's replay that comes again": [
    /^repeat: got 4/,
    { log: [...away, connect(4.3, true), event(4, 4.3), disconnect(4.4), connect(4.5, true), event(4, 4.5), catchup(4.6, "recovered"), event(5)] },
  ],
  "a session's repeat after its replay": [/^repeat: got 3/, { cursor: "session", log: [...three, event(3, 3.3), event(4), event(5)] }],
  "a time's repeat of an earlier millisecond": [
    /^repeat: got 2/,
    { cursor: "time", log: [...away, connect(4.5), event(2, 4.5), event(4, 4.5), catchup(4.6, "recovered"), event(5)] },
  ],
  "a repeat without a number": [/^repeat: got 2/, { publications: [published(1), unnumbered(2)], log: [...begin, event(1), loose(2), loose(2)] }],
  "disorder": [/^order: got 2/, { log: [...begin, event(1), event(3), event(2, 3.2), event(4), event(5)] }],
  "an earlier epoch": [
    /^order: got 3 of an earlier epoch/,
    {
      publications: [published(1), published(2, { id: id(20, "f") }), published(3)],
      log: [...begin, event(1), event(2, 2.1, { id: id(20, "f") }), event(3)],
    },
  ],
  "numbers against the order of publishing": [/^order: 2 .* are not in order/, { publications: [published(1), published(2, { id: id(5) })], log: [...begin, event(2, 2.1, { id: id(5) }), event(1, 2.2)] }],
  "a leak": [
    /^leak: got 4, and was not a member/,
    { memberships: [{ user: "u", program: "p", active: true, ...ALWAYS }, membership(false, 3.2)], log: [...away, connect(3.8), event(4, 4.1), catchup(4.2, "left")] },
  ],
  "a leak of what was before the membership": [
    /^leak: got 1, which was published before/,
    { publications: [published(1)], memberships: [membership(true, 5)], log: [opening(5.5), connect(5.6), event(1, 5.7), catchup(5.8, "joined")] },
  ],
  "recovered over a membership that began anew": [
    /^leak: is recovered, though/,
    {
      memberships: [{ user: "u", program: "p", active: true, ...ALWAYS }, membership(false, 3.2), membership(true, 3.4)],
      log: [...three, disconnect(3.9), connect(4.5, true), event(4, 4.5), catchup(4.6, "recovered"), event(5)],
    },
  ],
  "a verdict for who is no member": [
    /^verdict: catchup says joined to who is no member/,
    { memberships: [{ user: "u", program: "p", active: true, ...ALWAYS }, membership(false, 3.2)], log: [...three, disconnect(3.9), connect(4.5), catchup(4.6, "joined")] },
  ],
  "no verdict": [/^verdict: catchup says nothing/, { log: [...away, connect(4.5), catchup(4.6, "gap", { programs: {} }), event(5)] }],
  "no catchup": [/^verdict: got no catchup/, { log: [...away, connect(4.5), event(4, 4.5), event(5)] }],
  "two catchups": [/^verdict: got a second catchup/, { log: [...begin, catchup(0.4, "recovered"), event(1), event(2), event(3), event(4), event(5)] }],
  "left, to a member": [/^verdict: catchup says left to a member/, { log: [...away, connect(4.5), catchup(4.6, "left"), event(5)] }],
  "two stories": [/^verdict: socket.recovered is true/, { log: [...away, connect(4.5, true), catchup(4.6, "gap"), event(5)] }],
  "recovered, and a gap": [/^verdict: catchup says recovered, and gap/, { log: [...away, connect(4.5, true), catchup(4.6, "gap", { recovered: true }), event(5)] }],
  "recovered at first": [/^verdict: is recovered, and never had/, { log: [opening(), connect(0.2), catchup(0.3, "recovered"), ...three.slice(3), event(4), event(5)] }],
  "a gap for no reason": [/^needless: is told gap/, { log: [...away, connect(4.5), catchup(4.6, "gap"), event(5)] }],
  "a gap for no reason, by a time": [
    /^needless: is told gap/,
    {
      cursor: "time",
      publications: [1, 2, 3, 4, 5].map((n) => published(n, { id: id(n * S * 1000) })),
      log: [...away, connect(4.5), event(4, 4.5), catchup(4.6, "gap"), event(5)].map((entry) => (entry.kind === "event" ? { ...entry, id: id(entry.n * S * 1000), time: entry.n * S } : entry)),
    },
  ],
  "a reset for no reason": [/^needless: is told reset/, { faults: [fault(3.5, 3.8, { history: true })], log: [...away, connect(4.5), catchup(4.6, "reset"), event(5)] }],
  "joined for no reason": [/^needless: is told joined/, { log: [...away, connect(4.5), catchup(4.6, "joined"), event(5)] }],
  "a reason that is long past": [
    /^needless: is told reset/,
    {
      publications: [],
      faults: [fault(3, 3.4, { resets: true })],
      log: [...begin, disconnect(3.5), connect(3.6), catchup(3.7, "reset"), disconnect(40), connect(41), catchup(41.1, "recovered", { id: undefined }), disconnect(42), connect(43), catchup(43.1, "reset")],
    },
  ],
  "a verdict other than joined at first": [/^needless: is told gap/, { log: [opening(), connect(0.2), catchup(0.3, "gap"), ...three.slice(3), event(4), event(5)] }],
  "a publish that counts twice": [/^twice: 1 was accepted 2 times/, { publications: [published(1, { tries: 2 })], log: [...begin, event(1), event(1, 1.2, { id: id(12) })] }],
  "one try that counts twice": [
    /^twice: 1/,
    { publications: [published(1)], faults: [fault(1.5, 2, { forgets: true })], log: [...begin, event(1), event(1, 1.2, { id: id(12) })] },
  ],
  "what was refused": [/^phantom: 2 was refused/, { publications: [published(1), published(2, { outcome: "refused", id: null, seq: null })], log: [...begin, event(1), event(2)] }],
  "what nobody published": [/^phantom: got 6, which nobody published/, { log: [...three, event(4), event(5), event(6)] }],
  "an event without a connection": [/^order: got 4 while not connected/, { log: [...away, event(4, 3.6), connect(4.5, true), catchup(4.6, "recovered"), event(5)] }],
  "a refusal": [/^refused: was refused for good/, { log: [...three, event(4), event(5), { at: 6 * S, kind: "refused", message: "m", code: "c" }] }],
  "packet 41": [/^refused: was told by packet 41/, { log: [...away.slice(0, -1), disconnect(3.5, "io server disconnect"), connect(4.5, true), event(4, 4.5), catchup(4.6, "recovered"), event(5)] }],
  "an end without a connection": [/^away: is not connected/, { log: [...three, event(4), event(5), disconnect(6)] }],
};

describe("a record without a violation", () => {
  for (const [name, options] of Object.entries(CLEAN)) test(name, () => assert.deepEqual(found(options), []));
});

describe("a record with a violation", () => {
  for (const [name, [pattern, options]] of Object.entries(BROKEN)) {
    test(name, () => {
      const texts = found(options);
      assert.ok(texts.some((text) => pattern.test(text)), `${pattern} in ${JSON.stringify(texts)}`);
    });
  }
});

describe("memberships", () => {
  const members = new Memberships([{ user: "u", program: "p", active: true, ...ALWAYS }, membership(true, 1), membership(false, 3, 4), membership(true, 8, 9)]);
  const cases = [
    [0, 2, "yes"],
    [2, 3.5, "open"],
    [3.5, 3.6, "open"],
    [4.1, 7.9, "no"],
    [4.1, 8.1, "open"],
    [9.1, 10, "yes"],
    [0, 10, "open"],
  ];
  for (const [from, to, expected] of cases) {
    test(`from ${from} s to ${to} s: ${expected}`, () => assert.equal(members.between("u", "p", from * S, to * S), expected));
  }
  test("of nobody", () => assert.equal(members.between("v", "p", 0, 1), "no"));
  test("began anew", () => {
    assert.equal(members.began_anew("u", "p", 2 * S, 10 * S), true);
    assert.equal(members.began_anew("u", "p", 2 * S, 8.5 * S), false);
  });
});

test("a record is the same after it was written and read", () => {
  const one = record(CLEAN["joined again"]);
  assert.deepEqual(read_record(write_record(one)), one);
});

test("a run in which nothing happened says what did not", () => {
  const after = (minutes) => missing({ reset: 1, "told recovered": 3 }, [{ library: "4.8", cursor: "native" }], minutes);
  const lacks = after(5);
  assert.ok(!lacks.includes("reset") && lacks.includes("kill") && lacks.includes("recoveries of 4.8 native") && lacks.includes("a fault of Redis"));
  assert.ok(after(1).includes("events of 4.8 native") && !after(1).includes("recoveries of 4.8 native"));
});
