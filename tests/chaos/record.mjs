// What happened in a run, as the judge reads it, and questions to it. Times are milliseconds of the system's monotonic
// clock, the same in every process.
//
// record = {
//   policy: "deliver" | "refuse", events_max, timestamp_max,
//   publications: [{program, n, began, ended, outcome, id, seq, tries}]   outcome: numbered · unnumbered · refused · unknown
//   memberships:  [{user, program, active, began, ended}]                 in order; the first ones began at -Infinity
//   faults:       [{kind, began, ended, resets, gaps, splits, forgets, history}]
//   clients:      [{name, user, cursor, library, log}]                    cursor: native · event · session · time
// }
// log entries: {at, kind: "opening"} · {kind: "connect", recovered} · {kind: "event", program, n, id, time} ·
//   {kind: "catchup", recovered, programs, others, changed, id} · {kind: "disconnect", reason} · {kind: "refused", message}

/** Milliseconds of the clock that all processes of this machine share. */
export function now() {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** "epoch.gid" or "epoch.gid.nonce" → {epoch, gid}; null for anything else. */
export function parse_id(id) {
  const [epoch, gid] = typeof id === "string" ? id.split(".") : [];
  return gid && /^\d+$/.test(gid) ? { epoch, gid: BigInt(gid) } : null;
}

/** Who was a member when, as far as the one who changed it can know. */
export class Memberships {
  #changes = new Map();

  constructor(changes) {
    for (const change of changes) {
      const key = `${change.user}\n${change.program}`;
      const list = this.#changes.get(key) ?? [];
      // A change that changes nothing is none.
      if ((list.at(-1)?.active ?? false) !== change.active) list.push(change);
      this.#changes.set(key, list);
    }
  }

  changes(user, program) {
    return this.#changes.get(`${user}\n${program}`) ?? [];
  }

  /** The states that may have been seen in [from, to]: "yes", "no" or "open". */
  between(user, program, from, to) {
    const states = new Set();
    let before = false;
    let since = -Infinity;
    for (const { active, began, ended } of this.changes(user, program)) {
      // `before` held until the change was through, `active` may hold since it began.
      if (since <= to && ended >= from) states.add(before);
      before = active;
      since = began;
    }
    if (since <= to) states.add(before);
    return states.size > 1 ? "open" : states.has(true) ? "yes" : "no";
  }

  /** Whether a membership ended and began anew, all of it within (from, to). */
  began_anew(user, program, from, to) {
    const within = this.changes(user, program).filter(({ began, ended }) => began > from && ended < to);
    return within.some(({ active }, i) => !active && within.slice(i + 1).some((later) => later.active));
  }
}

/** Everything that was published, with what clients saw of it. */
export class Publications {
  #by_name = new Map();
  #of = new Map();
  #ordered = new Map();

  constructor(publications, clients) {
    for (const publication of publications) {
      const known = { ...publication, ids: new Set(publication.id ? [publication.id] : []), loose: publication.outcome === "unnumbered" };
      this.#by_name.set(`${publication.program}:${publication.n}`, known);
      if (!this.#of.has(publication.program)) this.#of.set(publication.program, []);
      this.#of.get(publication.program).push(known);
    }
    for (const { log } of clients) {
      for (const { kind, program, n, id } of log) {
        const known = kind === "event" ? this.find(program, n) : undefined;
        if (!known) continue;
        if (id == null) known.loose = true;
        else known.ids.add(id);
      }
    }
    this.#sort();
  }

  #sort() {
    for (const publication of this.all()) {
      for (const id of publication.ids) {
        const position = parse_id(id);
        if (!position) continue;
        const key = `${publication.program}\n${position.epoch}`;
        const list = this.#ordered.get(key) ?? [];
        list.push({ gid: position.gid, publication });
        this.#ordered.set(key, list);
      }
    }
    for (const list of this.#ordered.values()) list.sort((a, b) => (a.gid < b.gid ? -1 : a.gid > b.gid ? 1 : 0));
  }

  all() {
    return [...this.#by_name.values()];
  }

  of(program) {
    return this.#of.get(program) ?? [];
  }

  find(program, n) {
    return this.#by_name.get(`${program}:${n}`);
  }

  /** [{gid, publication}] of one program and epoch, in order. */
  ordered(program, epoch) {
    return this.#ordered.get(`${program}\n${epoch}`) ?? [];
  }
}

export const overlaps = (a, from, to) => a.began <= to && a.ended >= from;

const ENDLESS = { "+∞": Infinity, "-∞": -Infinity };

/** A record as text, and back. */
export function write_record(record) {
  return JSON.stringify(record, (_, value) => (value === Infinity ? "+∞" : value === -Infinity ? "-∞" : value));
}

export function read_record(text) {
  return JSON.parse(text, (_, value) => ENDLESS[value] ?? value);
}
