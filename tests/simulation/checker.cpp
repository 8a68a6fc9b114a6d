#include "checker.hpp"

#include "base/json_text.hpp"

#include <algorithm>
#include <charconv>

namespace crier::simulation {

namespace {

/// How long a node may not know what is new in the store, while that is in trouble.
constexpr Duration node_lag_max = std::chrono::seconds(15);
/// How long a message of the bus may be under way otherwise.
constexpr Duration bus_lag_max = std::chrono::seconds(2);

}  // namespace

void Checker::violation(const Client& client, const std::string& what) {
  parts_.violation(client.name() + ": " + what);
}

// Connections.

void Checker::connecting(Client& client, std::string_view auth) {
  View& view = views_[client.name()];
  view.sent = parts_.world.now();
  view.cursor = json::member(auth, "pid")                  ? CursorIs::pid
                : json::member(auth, "lastEventId")        ? CursorIs::id
                : json::member(auth, "lastEventTimestamp") ? CursorIs::timestamp
                                                           : CursorIs::none;
  if (view.cursor == CursorIs::timestamp) view.timestamp_ms = client.stored_timestamp_ms;
  view.cursor_id = client.stored_id;
  parts_.world.trace(client.name(), "connecting");
}

void Checker::connected(Client& client, bool recovered) {
  View& view = views_[client.name()];
  const TimePoint now = parts_.world.now();
  view.connected = true;
  view.connected_at = now;
  view.recovered = recovered;
  view.replayed = 0;
  view.buffered.clear();
  view.awaits_verdicts = true;
  parts_.counts.add(recovered ? "recovered" : "told or new");
  parts_.world.trace(client.name(), recovered ? "recovered" : "connected anew");
  if (recovered && view.cursor != CursorIs::pid) violation(client, "recovered without a pid");
  if (!client.pid()) {
    parts_.counts.add("connected without a pid");
    if (now - parts_.store_trouble() > std::chrono::seconds(15)) {
      violation(client, "connected without a pid, and the store was sound");
    }
  }
  if (view.cursor == CursorIs::none) {
    view.segments.clear();
    view.pid_from = view.sent;
  }
}

void Checker::disconnected(Client& client, std::string_view reason) {
  View& view = views_[client.name()];
  parts_.counts.add("closed: " + std::string(reason));
  if (!std::exchange(view.connected, false)) return;
  // The verdicts never came: what it was told holds for every program.
  if (view.awaits_verdicts && !view.recovered) {
    settle(client, view, {});
    view.unheard = true;
  }
  view.awaits_verdicts = false;
}

void Checker::refused(Client& client, std::string_view why) {
  violation(client, "refused for good: " + std::string(why));
}

void Checker::reloaded(const Client& client) {
  if (client.options().cursor != CursorKind::none) return;
  views_[client.name()] = {};
}

// Events.

void Checker::event(Client& client, std::string_view name,
                    const std::vector<std::string_view>& arguments) {
  View& view = views_[client.name()];
  if (!view.connected) violation(client, "an event before CONNECT");
  if (name == "catchup") return catchup(client, view, arguments.at(1));
  if (arguments.size() < 2) return violation(client, "an event without an envelope");
  const std::string_view envelope = arguments[1];
  const auto quoted = json::member(envelope, "programId");
  const std::string program = quoted ? json::unquote(*quoted).value_or("") : "";
  const EventNumber event = event_number(envelope);
  const auto text = arguments.size() > 2 ? json::unquote(arguments[2]) : std::nullopt;
  const auto id = text ? history::parse_event_id(*text) : std::nullopt;
  parts_.counts.add("events handled");
  parts_.world.trace(client.name(),
                     program + " n" + std::to_string(event) + " " + text.value_or("unnumbered"));
  if (id) {
    numbered(client, view, program, *id, event);
    client.stored_id = *text;
    client.stored_timestamp_ms = history::milliseconds(id->gid);
  } else {
    unnumbered(client, view, program, event);
  }
}

/// Events of the very millisecond that a cursor by timestamp names may come again, also later from
/// a node that is behind.
bool Checker::may_repeat(const View& view, history::Gid gid) const {
  return history::milliseconds(gid) == view.timestamp_ms;
}

void Checker::numbered(Client& client, View& view, const std::string& program,
                       const history::EventId& id, EventNumber event) {
  const auto entry = parts_.books.find(program, id);
  if (!entry || parts_.books.of(program)[*entry].event != event) {
    return violation(client, "n" + std::to_string(event) + " of " + program +
                                 " was never published as " + history::event_id(id.epoch, id.gid));
  }
  if (view.awaits_verdicts) ++view.replayed;
  const auto [known, is_new] = view.seen.emplace(event, id.epoch);
  const bool seen = !is_new;
  if (seen && parts_.books.again(event) && known->second != id.epoch) {
    parts_.counts.add("twice as the store had lost it");
  } else if (seen && repeated_.contains(event) && unnumbered_.contains(event)) {
    parts_.counts.add("twice by a repeat during an outage");
  } else if (may_repeat(view, id.gid)) {
    if (seen) return parts_.counts.add("repeats of a cursor's millisecond");
  } else if (seen) {
    return violation(client, "n" + std::to_string(event) + " of " + program + " twice");
  } else if (view.epoch == id.epoch && id.gid <= view.gid) {
    violation(client, "n" + std::to_string(event) + " of " + program + " out of order");
  }
  if (view.epoch != id.epoch) view.gid = 0;
  view.epoch = id.epoch;
  view.gid = std::max(view.gid, id.gid);
  const Received received{program, *entry};
  check_membership(client, view, received);
  if (view.awaits_verdicts && !view.recovered) {
    view.buffered.push_back(received);
  } else {
    take(client, view, received);
  }
}

void Checker::unnumbered(Client& client, View& view, const std::string& program,
                         EventNumber event) {
  parts_.counts.add("events without a number");
  unnumbered_.insert(event);
  if (view.seen.emplace(event, history::Epoch()).second) return;
  // What a publisher repeats during an outage may be in the store already: a limit of the policy.
  if (repeated_.contains(event)) {
    parts_.counts.add("twice by a repeat during an outage");
  } else {
    violation(client, "n" + std::to_string(event) + " of " + program + " twice, unnumbered");
  }
}

/// What is between the last entry that was handled and this one, and owed, is lost.
void Checker::take(const Client& client, View& view, const Received& received) {
  Segment& segment =
      view.segments.try_emplace(received.program, Segment{view.connected_at, {}, view.sent})
          .first->second;
  const auto& entries = parts_.books.of(received.program);
  for (std::size_t i = segment.last ? *segment.last + 1 : 0; i < received.entry; ++i) {
    if (entries[i].time <= segment.owed_from) continue;
    const std::string what =
        entries[i].event == 0 ? "a gap marker" : "n" + std::to_string(entries[i].event);
    violation(client, what + " of " + received.program + " is missing before n" +
                          std::to_string(entries[received.entry].event));
    break;
  }
  segment.last = std::max(segment.last.value_or(0), received.entry);
}

/// Nothing may come of a time before the membership that the connection was admitted with.
void Checker::check_membership(const Client& client, const View& view, const Received& received) {
  if (view.cursor == CursorIs::id || view.cursor == CursorIs::timestamp) return;
  const Entry& entry = parts_.books.of(received.program)[received.entry];
  const auto& memberships = parts_.members.of(client.options().user, received.program);
  // A node that is behind hands on, after the grant, what was published a little before it.
  const bool trouble = parts_.world.now() - parts_.store_trouble() < node_lag_max;
  const TimePoint latest = entry.time + (trouble ? node_lag_max : bus_lag_max);
  const bool allowed = std::ranges::any_of(memberships, [&](const Membership& membership) {
    return membership.touches(view.sent, view.connected_at) && membership.from <= latest;
  });
  if (!allowed) {
    violation(client, "n" + std::to_string(entry.event) + " of " + received.program +
                          " leaked: no membership of that time");
  }
}

// Verdicts.

void Checker::catchup(Client& client, View& view, std::string_view word) {
  parts_.world.trace(client.name(), "catchup " + std::string(word));
  if (!view.awaits_verdicts) return violation(client, "a catchup that nobody asked for");
  view.awaits_verdicts = false;
  const auto count = json::member(word, "replayed");
  if (!count || *count != std::to_string(view.replayed)) {
    violation(client, "catchup counts " + std::string(count.value_or("nothing")) + " but " +
                          std::to_string(view.replayed) + " were replayed before it");
  }
  std::map<std::string, std::string> verdicts;
  bool all = true;
  const auto programs = json::members(json::member(word, "programs").value_or("{}"));
  for (const auto& [key, value] : programs.value_or(std::vector<json::Member>{})) {
    const std::string verdict = json::unquote(value).value_or("");
    verdicts[json::unquote(key).value_or("")] = verdict;
    all = all && (verdict == "recovered" || verdict == "left");
    parts_.counts.add("verdict " + verdict);
  }
  if (view.recovered != (json::member(word, "recovered") == "true")) {
    violation(client, "the pid and catchup do not agree");
  }
  if (view.cursor == CursorIs::pid && view.recovered != all) {
    violation(client, all ? "told, though all is recovered" : "recovered, though not all is");
  }
  for (const auto& [program, verdict] : verdicts) check_verdict(client, view, program, verdict);
  check_absent(client, view, verdicts);
  view.unheard = false;
  if (!view.recovered) return settle(client, view, verdicts);
  for (const auto& [program, verdict] : verdicts) {
    if (verdict == "left") view.segments.erase(program);
  }
}

void Checker::check_absent(const Client& client, const View& view,
                           const std::map<std::string, std::string>& verdicts) {
  for (const char digit : std::string_view("0123456789")) {
    const std::string program = std::string("p") + digit;
    if (verdicts.contains(program)) continue;
    for (const auto& membership : parts_.members.of(client.options().user, program)) {
      if (membership.covers(view.sent, view.connected_at)) {
        violation(client, "a member of " + program + " all the time, and catchup knows nothing");
      }
    }
  }
}

bool Checker::gap_has_cause(const View& view, const std::string& program) const {
  const auto found = view.segments.find(program);
  const auto& entries = parts_.books.of(program);
  if (parts_.books.epoch_began(view.pid_from - node_lag_max, view.connected_at)) return true;
  const bool known = found != view.segments.end();
  for (std::size_t i = known && found->second.last ? *found->second.last + 1 : 0;
       i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    // An admission may have been answered by a node that was behind.
    const bool before = !known || found->second.last
                            ? false
                            : entry.time + node_lag_max < found->second.admitted_from;
    if (!before && (entry.trimmed || entry.event == 0)) return true;
  }
  // The cursor's own millisecond counts against the bound when it has to be sent again.
  return view.cursor == CursorIs::timestamp &&
         std::ranges::count_if(entries, [&](const Entry& entry) {
           return history::milliseconds(entry.gid) >= view.timestamp_ms;
         }) > replay_timestamp_max;
}

/// Whether the membership's clock says that it began after a cursor that knows no memberships.
bool Checker::began_after_cursor(const View& view, const std::vector<Membership>& memberships) {
  history::Gid cursor = 0;
  if (view.cursor == CursorIs::id) {
    cursor = history::parse_event_id(view.cursor_id).value_or(history::EventId{}).gid;
  } else if (view.cursor == CursorIs::timestamp) {
    cursor = static_cast<history::Gid>(view.timestamp_ms) * 1000;
  } else {
    return false;
  }
  return !memberships.empty() && Members::since(memberships.back()) > cursor;
}

void Checker::check_verdict(const Client& client, const View& view, const std::string& program,
                            std::string_view verdict) {
  const auto& memberships = parts_.members.of(client.options().user, program);
  const auto any = [&](auto holds) { return std::ranges::any_of(memberships, holds); };
  const auto told = [&](const std::string& why) {
    violation(client, program + " is told " + std::string(verdict) + ", " + why);
  };
  if (verdict == "left") {
    if (any([&](const Membership& m) { return m.covers(view.sent, view.connected_at); })) {
      told("and was a member all the time");
    }
    return;
  }
  if (!any([&](const Membership& m) { return m.touches(view.sent, view.connected_at); })) {
    told("and was no member");
  }
  if (view.unheard) return;
  const auto segment = view.segments.find(program);
  const TimePoint known_from =
      segment == view.segments.end() ? view.pid_from : segment->second.admitted_from;
  if (verdict == "joined") {
    if (view.cursor == CursorIs::none || began_after_cursor(view, memberships)) return;
    if (any([&](const Membership& m) { return m.covers(known_from, view.connected_at); })) {
      told("and was a member all the time");
    }
  } else if (verdict == "reset") {
    const bool stale_id =
        view.cursor == CursorIs::id && !view.cursor_id.starts_with(parts_.books.epoch());
    if (!stale_id && !parts_.books.epoch_began(known_from - node_lag_max, view.connected_at)) {
      told("in the same epoch");
    }
  } else if (verdict == "gap") {
    if (!gap_has_cause(view, program)) told("and everything is kept");
  }
}

/// Begins anew what was told, and goes on with what is recovered.
void Checker::settle(const Client& client, View& view,
                     const std::map<std::string, std::string>& verdicts) {
  std::map<std::string, Segment> known = std::exchange(view.segments, {});
  for (const auto& [program, verdict] : verdicts) {
    const auto found = known.find(program);
    if (verdict == "left") continue;
    if (verdict == "recovered" && found != known.end()) {
      view.segments[program] = found->second;
    } else {
      view.segments[program] = {view.connected_at, {}, view.sent};
    }
  }
  view.pid_from = view.sent;
  for (const auto& received : std::exchange(view.buffered, {})) take(client, view, received);
}

// The end.

void Checker::check_whole(const Client& client) {
  View& view = views_[client.name()];
  if (!client.is_connected()) return violation(client, "is not connected in the end");
  if (view.awaits_verdicts) violation(client, "still waits for its verdicts in the end");
  check_unnumbered(client, view);
  for (const char digit : std::string_view("0123456789")) {
    const std::string program = std::string("p") + digit;
    const auto& memberships = parts_.members.of(client.options().user, program);
    const bool member = std::ranges::any_of(memberships, [&](const Membership& membership) {
      return membership.covers(view.sent, parts_.world.now());
    });
    if (!member) continue;
    const auto found = view.segments.find(program);
    const auto& entries = parts_.books.of(program);
    const bool known = found != view.segments.end();
    const TimePoint owed_from = known ? found->second.owed_from : view.connected_at;
    for (std::size_t i = known && found->second.last ? *found->second.last + 1 : 0;
         i < entries.size(); ++i) {
      if (entries[i].time <= owed_from) continue;
      violation(client,
                (entries[i].event == 0 ? "a gap marker" : "n" + std::to_string(entries[i].event)) +
                    " of " + program + " never came");
      break;
    }
  }
}

/// What went out without a number is in no history: whoever was a member, and did not get it, has
/// to have been told since.
void Checker::check_unnumbered(const Client& client, const View& view) {
  for (const Accepted& accepted : accepted_unnumbered_) {
    if (view.seen.contains(accepted.event)) continue;
    const auto& memberships = parts_.members.of(client.options().user, accepted.program);
    const bool member = std::ranges::any_of(memberships, [&](const Membership& membership) {
      return membership.covers(std::min(accepted.begun, view.sent), parts_.world.now());
    });
    const auto found = view.segments.find(accepted.program);
    const TimePoint told =
        found == view.segments.end() ? view.connected_at : found->second.owed_from;
    if (!member || told >= accepted.begun) continue;
    violation(client, "n" + std::to_string(accepted.event) + " of " + accepted.program +
                          " went out without a number, never came, and nobody said so");
    break;
  }
}

}  // namespace crier::simulation
