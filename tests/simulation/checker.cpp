#include "checker.hpp"

#include "base/json_text.hpp"
#include "base/time.hpp"

#include <algorithm>
#include <utility>

namespace crier::simulation {

namespace {

/// How long a node may not know what is new in the store, while that is in trouble.
constexpr Duration node_lag_max = std::chrono::seconds(15);
/// How long a message of the bus may be under way otherwise.
constexpr Duration bus_lag_max = std::chrono::seconds(2);

std::string name_of(const Entry& entry) {
  return entry.event == 0 ? "a gap marker" : "n" + std::to_string(entry.event);
}

/// In milliseconds since 1970.
std::int64_t time_of(std::string_view envelope) {
  const auto quoted = json::member(envelope, "timestamp");
  const auto text = quoted ? json::unquote(*quoted) : std::nullopt;
  const auto time = text ? parse_time(*text) : std::nullopt;
  return time ? *time / 1000 : 0;
}

}  // namespace

Checker::Checker(Parts parts) : parts_(std::move(parts)) {
  parts_.counts.add("needless verdicts", 0);
}

void Checker::violation(const Client& client, const std::string& what) {
  parts_.violation(client.name() + ": " + what);
}

// Connections.

void Checker::connecting(Client& client, std::string_view auth) {
  View& view = views_[client.name()];
  const CursorKind kind = client.options().cursor;
  view.sent = parts_.world.now();
  const bool has_pid = json::member(auth, "pid").has_value();
  if (kind == CursorKind::unreadable || (kind == CursorKind::future && !has_pid) ||
      client.has_lost_pid()) {
    view.cursor = CursorIs::unreadable;
  } else if (has_pid) {
    view.cursor = CursorIs::pid;
  } else if (json::member(auth, "lastEventId")) {
    view.cursor = CursorIs::id;
    view.cursor_id = client.stored_id;
  } else if (json::member(auth, "lastEventTimestamp")) {
    view.cursor = CursorIs::timestamp;
    view.timestamp_ms = client.stored_timestamp_ms;
  } else {
    view.cursor = kind == CursorKind::session ? CursorIs::session : CursorIs::none;
  }
  view.basis = view.cursor == CursorIs::pid ? view.pid_basis : view.cursor;
  parts_.world.trace(client.name(), "connecting");
}

void Checker::connected(Client& client, bool recovered) {
  View& view = views_[client.name()];
  const TimePoint now = parts_.world.now();
  view.connected = true;
  view.connected_at = now;
  view.recovered = recovered;
  view.replayed = 0;
  view.here.clear();
  view.replayed_to = 0;
  view.snapshot = {};
  view.buffered.clear();
  view.awaits_verdicts = true;
  view.pid_basis = view.basis;
  // What begins before what the client has goes back in time, once.
  if (knows_no_position(view) || (view.cursor != CursorIs::pid && !view.unheard.empty())) {
    view.gid = 0;
  }
  parts_.counts.add(recovered ? "recovered" : "told or new");
  parts_.world.trace(client.name(), recovered ? "recovered" : "connected anew");
  if (recovered && view.cursor != CursorIs::pid) violation(client, "recovered without a pid");
  if (client.pid()) return;
  parts_.counts.add("connected without a pid");
  if (now - parts_.store_trouble() > std::chrono::seconds(15)) {
    violation(client, "connected without a pid, and the store was sound");
  }
}

void Checker::disconnected(Client& client, std::string_view reason) {
  View& view = views_[client.name()];
  parts_.counts.add("closed: " + std::string(reason));
  if (!std::exchange(view.connected, false)) return;
  if (!std::exchange(view.awaits_verdicts, false)) return;
  parts_.counts.add("verdicts not heard");
  view.unheard.merge(view.here);
}

void Checker::refused(Client& client, std::string_view why) {
  violation(client, "refused for good: " + std::string(why));
}

void Checker::reloaded(const Client& client) {
  const CursorKind kind = client.options().cursor;
  if (kind != CursorKind::none && kind != CursorKind::future && kind != CursorKind::unreadable) {
    return;
  }
  views_[client.name()] = {};
}

// Events.

void Checker::event(Client& client, std::string_view name,
                    const std::vector<std::string_view>& arguments) {
  View& view = views_[client.name()];
  if (!view.connected) violation(client, "an event before CONNECT");
  if (arguments.size() < 2) return violation(client, "an event without an envelope");
  if (name == "catchup") return catchup(client, view, arguments);
  const std::string_view envelope = arguments[1];
  const auto quoted = json::member(envelope, "programId");
  const std::string program = quoted ? json::unquote(*quoted).value_or("") : "";
  const EventNumber event = event_number(envelope);
  const auto text = arguments.size() > 2 ? json::unquote(arguments[2]) : std::nullopt;
  const auto id = text ? history::parse_event_id(*text) : std::nullopt;
  parts_.counts.add("events handled");
  parts_.world.trace(client.name(),
                     program + " n" + std::to_string(event) + " " + text.value_or("unnumbered"));
  // An application stores no cursor beyond verdicts that it has not heard.
  const bool stores = !view.awaits_verdicts;
  const auto time = time_of(envelope);
  if (!id) {
    if (stores) client.stored_timestamp_ms = std::max(client.stored_timestamp_ms, time);
    return unnumbered(client, view, program, event);
  }
  numbered(client, view, program, *id, event);
  if (!stores) return;
  client.stored_id = *text;
  client.stored_timestamp_ms = time;
}

/// Whether the client cannot say what it has: a node that is behind may then send it again.
bool Checker::knows_no_position(const View& view) {
  return view.cursor == CursorIs::none || view.cursor == CursorIs::session ||
         view.cursor == CursorIs::unreadable;
}

/// Whether an event that has come may have come before. Those of the very millisecond that a cursor
/// by timestamp names may come again, also later from a node that is behind.
bool Checker::repeats(Client& client, View& view, const history::EventId& id, EventNumber event) {
  const auto [known, is_new] = view.seen.emplace(event, id.epoch);
  const bool first_here = view.here.insert(event).second;
  if (is_new) return false;
  if (parts_.books.again(event) && known->second != id.epoch) {
    parts_.counts.add("twice as the store had lost it");
    return false;
  }
  if (parts_.books.forgotten(event)) {
    parts_.counts.add("twice as the store had forgotten its token");
    return false;
  }
  if (repeated_.contains(event) && unnumbered_.contains(event)) {
    parts_.counts.add("twice by a repeat during an outage");
    return false;
  }
  if (history::milliseconds(id.gid) == view.timestamp_ms) {
    parts_.counts.add("repeats of a cursor's millisecond");
  } else if (first_here && knows_no_position(view)) {
    parts_.counts.add(view.cursor == CursorIs::session ? "repeats for a session"
                                                       : "repeats without a cursor");
  } else if (first_here && view.basis != CursorIs::pid && view.unheard.contains(event)) {
    parts_.counts.add("repeats of a replay that was cut");
  } else {
    violation(client, "n" + std::to_string(event) + " twice");
  }
  return true;
}

void Checker::numbered(Client& client, View& view, const std::string& program,
                       const history::EventId& id, EventNumber event) {
  const std::string what = "n" + std::to_string(event) + " of " + program;
  const auto entry = parts_.books.find(program, id);
  if (!entry || parts_.books.of(program)[*entry].event != event) {
    return violation(client,
                     what + " was never published as " + history::event_id(id.epoch, id.gid));
  }
  if (view.awaits_verdicts) {
    ++view.replayed;
    view.replayed_to = std::max(view.replayed_to, id.gid);
  } else if (view.snapshot.epoch == id.epoch && id.gid <= view.snapshot.gid) {
    violation(client, what + " came live, though the catchup's position is beyond it");
  }
  const bool is_new = !view.seen.contains(event);
  const bool repeated = repeats(client, view, id, event);
  const bool of_cursor = history::milliseconds(id.gid) == view.timestamp_ms;
  // Who went on without one that was lost may get it yet, and is told.
  const bool was_unheard = unheard_.contains(parts_.books.of(program)[*entry].time);
  if (is_new && view.epoch == id.epoch && id.gid <= view.gid && !of_cursor && !was_unheard) {
    violation(client, what + " out of order");
  }
  view.gid = view.epoch == id.epoch ? std::max(view.gid, id.gid) : id.gid;
  view.epoch = id.epoch;
  if (repeated) return;
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
  if (view.awaits_verdicts) violation(client, "an event without a number before catchup");
  if (view.seen.emplace(event, history::Epoch()).second) return;
  // What a publisher repeats during an outage may be in the store already: a limit of the policy.
  if (repeated_.contains(event)) {
    parts_.counts.add("twice by a repeat during an outage");
  } else {
    violation(client, "n" + std::to_string(event) + " of " + program + " twice, unnumbered");
  }
}

/// A limit of cursors by time: the event that the client has of that millisecond is of a program
/// that it has left, so this one is taken for it.
bool Checker::is_taken_for_another(const View& view, const Entry& entry) const {
  if (view.basis != CursorIs::timestamp) return false;
  if (history::milliseconds(entry.gid) != view.timestamp_ms) return false;
  return std::ranges::any_of(std::string_view("0123456789"), [&](char digit) {
    const std::string program = std::string("p") + digit;
    return !view.segments.contains(program) &&
           std::ranges::any_of(parts_.books.of(program), [&](const Entry& other) {
             return history::milliseconds(other.gid) == view.timestamp_ms;
           });
  });
}

/// Those of the program's entries before `end` that are owed and have not come.
std::vector<std::size_t> Checker::missing(const View& view, const std::string& program,
                                          std::size_t end) const {
  std::vector<std::size_t> all;
  const auto found = view.segments.find(program);
  const bool known = found != view.segments.end();
  const TimePoint owed_from = known ? found->second.owed_from : view.connected_at;
  const auto& entries = parts_.books.of(program);
  for (std::size_t i = known && found->second.last ? *found->second.last + 1 : 0; i < end; ++i) {
    if (entries[i].time <= owed_from || unaware_.contains(entries[i].time)) continue;
    if (is_taken_for_another(view, entries[i])) continue;
    if (entries[i].event == 0 || !view.seen.contains(entries[i].event)) all.push_back(i);
  }
  return all;
}

/// What is between the last entry that was handled and this one, and owed, is lost.
void Checker::take(const Client& client, View& view, const Received& received) {
  Segment& segment =
      view.segments.try_emplace(received.program, Segment{view.connected_at, {}, view.sent, {}})
          .first->second;
  const auto& entries = parts_.books.of(received.program);
  for (const std::size_t lost : missing(view, received.program, received.entry)) {
    if (unheard_.contains(entries[lost].time)) {
      segment.untold.insert(lost);
      continue;
    }
    violation(client, name_of(entries[lost]) + " of " + received.program + " is missing before " +
                          name_of(entries[received.entry]));
  }
  segment.last = std::max(segment.last.value_or(0), received.entry);
}

/// Nothing may come of a time before the membership that the connection was admitted with.
void Checker::check_membership(const Client& client, const View& view, const Received& received) {
  const Entry& entry = parts_.books.of(received.program)[received.entry];
  const auto& memberships = parts_.members.of(client.options().user, received.program);
  // A node that is behind hands on, after the grant, what was published a little before it.
  const bool trouble = parts_.world.now() - parts_.store_trouble() < node_lag_max;
  const TimePoint latest = entry.time + (trouble ? node_lag_max : bus_lag_max);
  const bool allowed = std::ranges::any_of(memberships, [&](const Membership& membership) {
    if (!membership.touches(view.sent, view.connected_at)) return false;
    if (!view.awaits_verdicts) return membership.from <= latest;
    // A node that was behind when it admitted the client took the membership for an older one.
    return membership.since < entry.gid || membership.from <= (trouble ? latest : entry.time);
  });
  if (!allowed) {
    violation(client,
              name_of(entry) + " of " + received.program + " leaked: no membership of that time");
  }
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
    const auto& entries = parts_.books.of(program);
    for (const std::size_t lost : missing(view, program, entries.size())) {
      violation(client, name_of(entries[lost]) + " of " + program + " never came");
    }
    for (const std::size_t lost : view.segments[program].untold) {
      if (unaware_.contains(entries[lost].time)) continue;
      violation(client, name_of(entries[lost]) + " of " + program + " was lost and nobody said so");
    }
  }
}

/// Whether the client was a member when it went out, did not get it, and was not told since.
bool Checker::lacks(const Client& client, const View& view, const Unnumbered& event) const {
  if (view.seen.contains(event.event)) return false;
  const auto& memberships = parts_.members.of(client.options().user, event.program);
  const bool member = std::ranges::any_of(memberships, [&](const Membership& membership) {
    return membership.covers(std::min(event.begun, view.sent), parts_.world.now());
  });
  const auto found = view.segments.find(event.program);
  const TimePoint told = found == view.segments.end() ? view.connected_at : found->second.owed_from;
  return member && told < event.begun;
}

/// What went out without a number is in no history: whoever was a member, and did not get it, has
/// to have been told since.
void Checker::check_unnumbered(const Client& client, const View& view) {
  for (const Unnumbered& event : accepted_) {
    if (!lacks(client, view, event)) continue;
    violation(client, "n" + std::to_string(event.event) + " of " + event.program +
                          " went out without a number, never came, and nobody said so");
  }
}

void Checker::check_unexplained() {
  for (const Unexplained& gap : unexplained_) {
    if (parts_.books.marked(gap.program, gap.time)) continue;
    parts_.counts.add("needless verdicts");
    parts_.violation(gap.what);
  }
}

}  // namespace crier::simulation
