// What happened in a run, what of it must have happened, and each violation with what stands around it.

import { overlaps } from "./record.mjs";

/** Adds what the clients and publishers of an episode saw to `totals`. */
export function count_up(totals, { counts, clients, publishers, members }) {
  const add = (what, number = 1) => {
    totals[what] = (totals[what] ?? 0) + number;
  };
  for (const [what, number] of Object.entries(counts)) add(what, number);
  for (const { log, library, cursor } of clients) {
    for (const { kind, programs } of log) {
      add(`${kind}s`);
      if (kind === "event") add(`events of ${library} ${cursor}`);
      if (kind !== "catchup") continue;
      for (const verdict of Object.values(programs)) add(`told ${verdict}`);
      if (Object.values(programs).includes("recovered")) add(`recoveries of ${library} ${cursor}`);
    }
  }
  for (const { outcome, tries } of publishers.publications) {
    add(`published, ${outcome}`);
    if (tries > 1) add("published after retries");
  }
  add("membership changes", members.changes.filter(({ began }) => began > -Infinity).length);
}

const REDIS = ["deafen", "disconnect", "stumble", "full", "flush", "evict", "spoil", "freeze", "restart", "swap", "failover", "kill_master", "freeze_master"];

/** In a shorter run one kind of client may find nothing that it could recover. */
const LONG = 5;

/** What a run of so many minutes must have had for its silence to mean anything. */
export function missing(totals, clients, minutes) {
  const kinds = new Set(clients.map(({ library, cursor }) => `${library} ${cursor}`));
  const recovered = minutes < LONG ? [] : [...kinds].map((kind) => `recoveries of ${kind}`);
  const wanted = [
    ...["reset", "half_near", "half_far", "stall", "move", "away", "delay", "kill", "deploy", "stand"],
    ...["told recovered", "told joined", "membership changes", "published, numbered", "published after retries"],
    ...[...kinds].map((kind) => `events of ${kind}`),
    ...recovered,
  ];
  const lacks = wanted.filter((what) => !totals[what]);
  if (!REDIS.some((kind) => totals[kind])) lacks.push("a fault of Redis");
  if (!Object.keys(totals).some((what) => what.startsWith("link"))) lacks.push("a fault between a node and Redis");
  return lacks;
}

const SHOWN = 3;

/** The first few violations of each kind with what stands around them, and how many there are. */
export function tell_violations(record, violations) {
  const kinds = new Map();
  for (const violation of violations) kinds.set(violation.kind, [...(kinds.get(violation.kind) ?? []), violation]);
  return [...kinds].flatMap(([kind, list]) => [
    `${list.length} × ${kind}`,
    ...list.slice(0, SHOWN).map((violation) => describe(record, violation)),
  ]);
}

/** A time of the record as seconds since its beginning. */
export function time_of(record, at) {
  return `${((at - record.began) / 1000).toFixed(3)} s`.padStart(10);
}

/** The violation, the entries of its client near it, its publication, and the faults of that time. */
export function describe(record, violation) {
  const { kind, client: name, program, index, text } = violation;
  const lines = [`${kind}: ${name ?? "publishing"}${program ? ` [${program}]` : ""}: ${text}`];
  const client = record.clients.find((one) => one.name === name);
  const shown = client ? near(client, program, index) : [];
  for (const { i, at, kind: what, ...entry } of shown) {
    lines.push(`${i === index ? " >" : "  "} ${time_of(record, at)} ${what} ${JSON.stringify(entry)}`);
  }
  if (client) lines.push(`   user ${client.user}; faults: ${faults(record, shown[0]?.at ?? 0, shown.at(-1)?.at ?? Infinity)}`);
  for (const n of new Set([...text.matchAll(/\b(\d+)\b/g)].map(([, number]) => Number(number)))) {
    const one = record.publications.find((publication) => publication.program === program && publication.n === n);
    if (!one) continue;
    const ended = time_of(record, one.ended).trim();
    lines.push(`   ${time_of(record, one.began)} published ${JSON.stringify({ ...one, began: undefined, ended })}`);
  }
  return lines.join("\n");
}

function near({ log }, program, index) {
  return log
    .map((entry, i) => ({ ...entry, i }))
    .slice(0, index + 3)
    .filter((entry) => entry.kind !== "event" || program === null || entry.program === program)
    .slice(-14);
}

function faults(record, from, to) {
  const time = (at) => time_of(record, at).trim();
  const chosen = record.faults.filter((fault) => overlaps(fault, from - 3000, to)).slice(-12);
  return chosen.map(({ kind, began, ended }) => `${kind} ${time(began)}–${time(ended)}`).join(", ") || "none";
}
