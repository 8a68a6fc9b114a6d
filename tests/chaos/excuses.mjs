// Which verdicts other than `recovered` have a reason. What has none is a needless one: the application loads again
// though nothing happened.

import { overlaps, parse_id } from "./record.mjs";

/** Milliseconds after its end for which a fault explains a verdict: on a busy machine nodes notice late. */
export const SLACK = 20_000;
/** Microseconds after the first event of an epoch in which a time may be of the epoch before. */
const BEGINNING = 2_000_000n;
/** Milliseconds that a connection needs at least for its session to have a position: two heartbeats and a write. */
const SESSION_SETTLES = 8000;

/**
 * `heard`: the latest catchup that the client has handled before this one ({asked, at}), or null; `cursor`: whether the
 * client had a position to give; `newest`: the id of the latest event by time; `connection`: the one that brought the
 * verdict.
 */
export function explained(scene, { client, program, verdict, heard, connection, cursor, newest, at }) {
  if (heard === null) return verdict === "joined";
  const { record, members, published } = scene;
  const from = heard.asked - SLACK;
  const during = record.faults.filter((fault) => overlaps(fault, from, at));
  const publications = () => published.of(program).filter((one) => overlaps(one, from, at));
  switch (verdict) {
    case "left":
      return members.between(client.user, program, heard.asked, at) !== "yes";
    case "joined":
      return (
        members.changes(client.user, program).some((change) => overlaps(change, from, at)) ||
        (during.some(({ history }) => history) && (!cursor || client.cursor === "session")) ||
        (client.cursor === "session" && connection.asked - heard.at < SESSION_SETTLES) ||
        (client.cursor === "time" && !cursor)
      );
    case "reset":
      return during.some(({ resets }) => resets);
    case "gap":
      return (
        during.some(({ gaps, resets }) => gaps || resets) ||
        (client.cursor === "time" && of_a_beginning(record, newest)) ||
        publications().some(({ loose, outcome }) => loose || (outcome === "unknown" && record.policy === "deliver")) ||
        publications().length >= kept(client, record)
      );
    default:
      return false;
  }
}

function of_a_beginning({ publications }, id) {
  const newest = parse_id(id);
  if (!newest) return false;
  const numbers = publications.map((one) => parse_id(one.id)).filter((one) => one?.epoch === newest.epoch);
  return numbers.length > 0 && numbers.every(({ gid }) => gid + BEGINNING >= newest.gid);
}

/** How many events of a program may be missed for all of them to come again, with some to spare for what is under way. */
function kept({ cursor }, { events_max, timestamp_max }) {
  return 0.7 * (cursor === "time" ? Math.min(events_max, timestamp_max) : events_max);
}
