// Holds what every client's own handlers saw against what was published and who was a member. Pure: a record in (see
// record.mjs), violations out: [{kind, client, program, index, text}].
//
// The application behind a client acts on `catchup` alone: at a verdict other than `recovered` it loads that program again,
// which covers what was published until then.

import { explained, SLACK } from "./excuses.mjs";
import { Memberships, overlaps, parse_id, Publications } from "./record.mjs";

export function judge(record) {
  const scene = {
    record,
    members: new Memberships(record.memberships),
    published: new Publications(record.publications, record.clients),
    programs: [...new Set(record.memberships.map(({ program }) => program))],
  };
  const violations = judge_publications(scene);
  for (const client of record.clients) violations.push(...new Follower(scene, client).run());
  return violations;
}

/** What holds of the publications themselves, whoever saw them. */
function judge_publications({ record, published, programs }) {
  const found = [];
  const report = (kind, program, text) => found.push({ kind, client: null, program, index: -1, text });
  for (const publication of published.all()) {
    const { program, n, ids, loose, tries, outcome } = publication;
    // A store that keeps its events over a restart gives them a new epoch.
    const numbers = new Set([...ids].map((id) => parse_id(id)?.gid));
    const copies = numbers.size + (loose && numbers.size > 0 ? 1 : 0);
    if (copies > 1 && !may_be_twice(record, publication)) {
      report("twice", program, `${n} was accepted ${copies} times: ${[...ids].join(", ")}${loose ? ", without a number" : ""}`);
    }
    if (loose && record.policy === "refuse") report("unnumbered", program, `${n} went out without a number under refuse`);
    if (outcome === "refused" && (loose || numbers.size > 0)) report("phantom", program, `${n} was refused ${tries} times, and delivered`);
  }
  for (const program of programs) judge_order(published.of(program), (text) => report("order", program, text));
  return found;
}

/** A key that came to several nodes counts once, unless what remembers it was lost or was out of reach. */
function may_be_twice(record, { tries, began, ended, loose }) {
  if (loose && record.policy === "deliver" && tries > 1) return true;
  // A node tries again by itself, but not for long.
  const from = tries > 1 ? began - SLACK : began;
  return record.faults.some((fault) => (fault.forgets || fault.splits) && overlaps(fault, from, ended));
}

/** The numbers of one program follow the order in which publishes were answered, and `seq` counts them. */
function judge_order(publications, report) {
  const lasts = new Map();
  const numbered = publications.filter(({ id }) => parse_id(id)).sort((a, b) => a.ended - b.ended);
  for (const { n, id, seq, began, ended } of numbered) {
    const { epoch, gid } = parse_id(id);
    const earlier = lasts.get(epoch) ?? [];
    const wrong = earlier.find((other) => (other.ended < began && other.gid > gid) || (other.gid < gid) !== (other.seq < seq));
    if (wrong) report(`${n} (${id}, seq ${seq}) and ${wrong.n} (gid ${wrong.gid}, seq ${wrong.seq}) are not in order`);
    lasts.set(epoch, [...earlier.slice(-40), { n, gid, seq, ended }]);
  }
}

class Follower {
  #found = [];
  #connection = null;
  #states = new Map();
  #gids = new Map();
  #epochs = [];
  #opened = 0;
  #heard = null;
  #cursor = false;
  #newest = -Infinity;
  #newest_id = null;

  constructor(scene, client) {
    Object.assign(this, scene);
    this.client = client;
    for (const program of this.programs) {
      this.#states.set(program, {
        handled: new Set(), // n
        ids: new Set(), // n and gid
        told: null, // what was published until then is covered; null: no verdict yet, nothing is owed
        unsure: null, // since when the membership may be another than the client's connection knows
        open: [], // intervals of which nothing is owed
        next: new Map(), // epoch → index of the first event that may still come
        holes: [], // of a connection that has no catchup yet
      });
    }
  }

  run() {
    const { log } = this.client;
    log.forEach((entry, index) => {
      this.#change_members(entry.at);
      this[entry.kind](entry, index);
    });
    this.#change_members(Infinity);
    this.#end(log.length);
    return this.#found;
  }

  opening({ at }) {
    this.#opened = at;
  }

  connect({ at, recovered }, index) {
    if (this.#connection === null && recovered) this.#breach("needless", index, null, "the first connection was recovered");
    const again = this.#connection !== null && !this.#connection.caught_up;
    this.#connection = { asked: this.#opened, at, recovered, caught_up: false, open: true, again };
    if (this.client.cursor === "session") this.#gids.clear();
  }

  disconnect({ at, reason }, index) {
    this.#opened = at;
    if (this.#connection) this.#connection.open = false;
    if (reason === "io server disconnect") this.#breach("refused", index, null, "was told by packet 41 not to come back");
  }

  /** python-socketio tells of an end before the handlers have had what came before it. */
  #open() {
    return this.#connection !== null && (this.#connection.open || this.client.library === "python");
  }

  refused({ message, code }, index) {
    this.#breach("refused", index, null, `was refused for good: ${message} (${code})`);
  }

  event(entry, index) {
    const { at, program, n, id, time } = entry;
    const state = this.#states.get(program);
    const publication = this.published.find(program, n);
    if (!state || !publication) return this.#breach("phantom", index, program, `got ${n}, which nobody published`);
    if (!this.#open()) this.#breach("order", index, program, `got ${n} while not connected`);
    this.#leak(entry, publication, index);
    if (id == null) this.#unnumbered(state, publication, index);
    else this.#numbered(state, entry, publication, index);
    state.handled.add(n);
    if (id != null && time >= this.#newest) [this.#newest, this.#newest_id] = [time, id];
  }

  #leak({ at, program, n }, { began, ended }, index) {
    const { user } = this.client;
    const asked = this.#connection?.asked ?? 0;
    if (this.members.between(user, program, asked, at) === "no") {
      return this.#breach("leak", index, program, `got ${n}, and was not a member from ${ms(asked)} to ${ms(at)}`);
    }
    // The store's numbers may run a second ahead of the clock that a membership is counted by.
    if (asked > ended && this.members.between(user, program, began, ended + SLACK_OF_NUMBERS) === "no") {
      this.#breach("leak", index, program, `got ${n}, which was published before its membership`);
    }
  }

  #unnumbered(state, { program, n, tries }, index) {
    if (state.handled.has(n) && tries === 1) this.#breach("repeat", index, program, `got ${n} again, without a number`);
  }

  #numbered(state, { id, time }, { program, n }, index) {
    const position = parse_id(id);
    if (!position) return this.#breach("phantom", index, program, `got ${n} with id ${id}`);
    const number = `${n} ${position.gid}`;
    if (state.ids.has(number)) {
      if (!this.#may_repeat(time)) this.#breach("repeat", index, program, `got ${n} (${id}) again`);
    } else {
      state.ids.add(number);
      this.#order(position, program, n, index);
    }
    this.#pass(state, program, position, index, `got ${n}`);
    this.#cursor = true;
  }

  /** Other cursors than a pid say up to where a client certainly has everything, which may be less than it has. */
  #may_repeat(time) {
    const { cursor } = this.client;
    if (this.#connection?.caught_up || cursor === "native") return false;
    // A cursor that is kept by the application moves on when a catchup was heard.
    return cursor === "session" || this.#connection.again || (cursor === "time" && time === this.#newest);
  }

  #order({ epoch, gid }, program, n, index) {
    if (!this.#epochs.includes(epoch)) this.#another_epoch(epoch, index);
    if (this.#epochs.at(-1) !== epoch) this.#breach("order", index, program, `got ${n} of an earlier epoch, ${epoch}`);
    const last = this.#gids.get(epoch) ?? 0n;
    if (gid <= last) this.#breach("order", index, program, `got ${n} (${epoch}.${gid}) after ${last}`);
    this.#gids.set(epoch, gid);
  }

  /** Whoever sees events of a new epoch has everything of the earlier ones, or was told. */
  #another_epoch(epoch, index) {
    for (const earlier of this.#epochs) {
      for (const [program, state] of this.#states) this.#pass(state, program, { epoch: earlier, gid: END }, index, `saw epoch ${epoch}`);
    }
    this.#epochs.push(epoch);
  }

  /** Whatever is older than this position and owed was to be handled before. `through`: the position itself, too. */
  #pass(state, program, { epoch, gid }, index, what, through = false) {
    const list = this.published.ordered(program, epoch);
    let next = state.next.get(epoch) ?? 0;
    for (; next < list.length && (list[next].gid < gid || (through && list[next].gid === gid)); next += 1) {
      const { publication } = list[next];
      if (state.handled.has(publication.n) || !this.#owed(state, publication)) continue;
      const hole = { index, text: `${what} without ${publication.n} (${epoch}.${list[next].gid})`, publication };
      if (this.#connection.caught_up) this.#breach("loss", hole.index, program, hole.text);
      else state.holes.push(hole);
    }
    state.next.set(epoch, next);
  }

  #owed(state, { began, ended }) {
    if (state.told === null || began <= state.told) return false;
    if (state.open.some(([from, to]) => began <= to && ended >= from)) return false;
    if (state.unsure !== null && ended >= state.unsure) return false;
    // While two instances take events, what one of them accepts is gone with it; all are told when it goes.
    return !this.record.faults.some((fault) => fault.splits && overlaps(fault, began, ended) && state.told >= fault.began);
  }

  catchup(entry, index) {
    const { at, recovered, id } = entry;
    const connection = this.#connection;
    if (!this.#open()) return this.#breach("verdict", index, null, "got a catchup while not connected");
    if (connection.caught_up) this.#breach("verdict", index, null, "got a second catchup");
    if (this.client.cursor === "native" && recovered !== connection.recovered) {
      this.#breach("verdict", index, null, `socket.recovered is ${connection.recovered}, catchup says ${recovered}`);
    }
    const position = parse_id(id);
    for (const [program, state] of this.#states) this.#verdict(state, program, entry, position, index);
    connection.caught_up = true;
    this.#heard = { asked: connection.asked, at };
    if (position && this.client.cursor !== "time") this.#cursor = true;
  }

  #verdict(state, program, { at, recovered, programs, others }, position, index) {
    const { user } = this.client;
    const { asked } = this.#connection;
    const membership = this.members.between(user, program, asked, at);
    const verdict = programs[program] ?? (membership === "no" ? undefined : others);
    const wrong = (text) => this.#breach("verdict", index, program, text);
    if (verdict === undefined && membership === "yes") wrong("catchup says nothing of it");
    if (verdict !== undefined && verdict !== "left" && membership === "no") wrong(`catchup says ${verdict} to who is no member`);
    if (verdict === "left" && membership === "yes") wrong("catchup says left to a member");
    if (recovered && !["recovered", "left", undefined].includes(verdict)) wrong(`catchup says recovered, and ${verdict} of it`);
    if (verdict === "recovered") this.#recovered(state, program, position, index);
    else this.#reloaded(state, program, verdict, at, index);
    if (membership === "yes" && state.unsure !== null) {
      state.open.push([state.unsure, at]);
      state.unsure = null;
    }
  }

  #recovered(state, program, position, index) {
    const anew = this.#heard && this.members.began_anew(this.client.user, program, this.#heard.at, this.#connection.asked);
    // An id or a time says nothing of memberships: one that began while the client was connected looks as if it had been known.
    if (KNOWS_NO_MEMBERSHIPS.includes(this.client.cursor) && this.#heard && (anew || state.told === null)) {
      state.told = this.#connection.at;
    }
    if (state.told === null) return this.#breach("verdict", index, program, "is recovered, and never had anything");
    if (anew && state.told < this.#connection.at) {
      this.#breach("leak", index, program, "is recovered, though its membership ended and began anew");
    }
    if (position) this.#pass(state, program, position, index, "is recovered", true);
    for (const { index: at, text } of state.holes) this.#breach("loss", at, program, `${text}, and then is told recovered`);
    state.holes = [];
  }

  #reloaded(state, program, verdict, at, index) {
    const known = { client: this.client, program, verdict, heard: this.#heard, connection: this.#connection, cursor: this.#cursor, newest: this.#newest_id, at };
    if (verdict !== undefined && !explained(this, known)) this.#breach("needless", index, program, `is told ${verdict} for no reason`);
    state.told = at;
    state.holes = [];
  }

  #change_members(until) {
    for (const [program, state] of this.#states) {
      const changes = this.members.changes(this.client.user, program);
      if (!state.begun) {
        state.begun = true;
        if (!changes.some(({ began, active }) => began === -Infinity && active)) state.unsure = -Infinity;
      }
      state.seen ??= 0;
      for (; state.seen < changes.length && changes[state.seen].began <= until; state.seen += 1) {
        if (changes[state.seen].began > -Infinity) state.unsure ??= changes[state.seen].began;
      }
    }
  }

  #end(index) {
    if (!this.#connection?.open) return this.#breach("away", index, null, "is not connected at the end");
    if (!this.#connection.caught_up) return this.#breach("verdict", index, null, "got no catchup on its last connection");
    for (const [program, state] of this.#states) {
      for (const publication of this.published.of(program)) {
        if (state.handled.has(publication.n) || !this.#owed(state, publication)) continue;
        if (publication.ids.size > 0) this.#breach("loss", index, program, `never saw ${publication.n} (${[...publication.ids]})`);
        else if (publication.loose) this.#breach("untold", index, program, `never saw ${publication.n}, which has no number`);
      }
    }
  }

  #breach(kind, index, program, text) {
    this.#found.push({ kind, client: this.client.name, program, index, text });
  }
}

const KNOWS_NO_MEMBERSHIPS = ["event", "time"];
const SLACK_OF_NUMBERS = 2500;
const END = 1n << 64n;
const ms = (time) => `${(time / 1000).toFixed(3)} s`;
