// What `catchup` says, against what is so.

#include "base/json_text.hpp"
#include "checker.hpp"

#include <algorithm>
#include <utility>

namespace crier::simulation {

namespace {

/// How long a node may not know what is new in the store, while that is in trouble.
constexpr Duration node_lag_max = std::chrono::seconds(15);
/// How far the position that is kept of a session may be behind what its client has.
constexpr Duration session_lag_max = std::chrono::seconds(60);

history::Gid gid_of(std::string_view text) {
  const std::size_t dot = text.rfind('.');
  const bool is_position = dot != text.find('.');
  const auto id = history::parse_event_id(is_position ? text.substr(0, dot) : text);
  return id ? id->gid : 0;
}

bool only_left(const std::map<std::string, std::string>& verdicts) {
  return std::ranges::all_of(verdicts, [](const auto& entry) { return entry.second == "left"; });
}

bool holds(const std::vector<Membership>& memberships, auto what) {
  return std::ranges::any_of(memberships, what);
}

}  // namespace

void Checker::catchup(Client& client, View& view, const std::vector<std::string_view>& arguments) {
  const std::string_view word = arguments.at(1);
  parts_.world.trace(client.name(), "catchup " + std::string(word));
  if (!view.awaits_verdicts) return violation(client, "a catchup that nobody asked for");
  view.awaits_verdicts = false;
  const Verdicts verdicts = read_verdicts(client, view, word);
  take_position(client, view, arguments, verdicts);
  for (const auto& [program, verdict] : verdicts) check_verdict(client, view, program, verdict);
  check_absent(client, view, verdicts);
  check_known(client, view, verdicts);
  if (!view.recovered) return settle(client, view, verdicts);
  // It has left what is not named, though a cursor that knew no memberships did not tell.
  std::erase_if(view.segments, [&](const auto& segment) {
    const auto verdict = verdicts.find(segment.first);
    return verdict == verdicts.end() || verdict->second == "left";
  });
}

Checker::Verdicts Checker::read_verdicts(const Client& client, const View& view,
                                         std::string_view word) {
  const auto count = json::member(word, "replayed");
  if (!count || *count != std::to_string(view.replayed)) {
    violation(client, "catchup counts " + std::string(count.value_or("nothing")) + " but " +
                          std::to_string(view.replayed) + " were replayed before it");
  }
  Verdicts verdicts;
  bool all = true;
  const auto programs = json::members(json::member(word, "programs").value_or("{}"));
  for (const auto& [key, value] : programs.value_or(std::vector<json::Member>{})) {
    const std::string verdict = json::unquote(value).value_or("");
    verdicts[json::unquote(key).value_or("")] = verdict;
    all = all && verdict == "recovered";
    parts_.counts.add("verdict " + verdict);
  }
  if (view.recovered != (json::member(word, "recovered") == "true")) {
    violation(client, "the pid and catchup do not agree");
  }
  if (verdicts.empty()) return verdicts;
  if (view.cursor == CursorIs::pid && view.basis == CursorIs::pid && view.recovered != all) {
    violation(client, all ? "told, though all is recovered" : "recovered, though not all is");
  }
  return verdicts;
}

/// The client stores it as it stores the id of an event.
void Checker::take_position(Client& client, View& view,
                            const std::vector<std::string_view>& arguments,
                            const Verdicts& verdicts) {
  const auto text = arguments.size() > 2 ? json::unquote(arguments[2]) : std::nullopt;
  if (text && !client.pid()) violation(client, "a position, and no pid");
  // A node that has not read anything yet knows no position of a user without programs.
  if (!text && client.pid() && !only_left(verdicts)) {
    violation(client, "no position after its verdicts");
  }
  if (text || verdicts.empty()) view.pid_basis = CursorIs::pid;
  if (!text) return;
  const auto id = history::parse_event_id(text->substr(0, text->rfind('.')));
  if (!id) return violation(client, "the position " + *text + " cannot be read");
  view.snapshot = *id;
  if (view.replayed_to > id->gid) {
    violation(client, "the position " + *text + " is before what was replayed");
  }
  // A time stays that of the last event, which may be of a program that the client has left.
  const bool same_epoch = client.stored_id.starts_with(id->epoch);
  const std::int64_t time = history::milliseconds(id->gid);
  client.stored_id = *text;
  client.stored_timestamp_ms = same_epoch ? std::max(client.stored_timestamp_ms, time) : time;
}

void Checker::check_absent(const Client& client, const View& view, const Verdicts& verdicts) {
  for (const char digit : std::string_view("0123456789")) {
    const std::string program = std::string("p") + digit;
    if (verdicts.contains(program)) continue;
    const auto& memberships = parts_.members.of(client.options().user, program);
    if (holds(memberships, [&](const Membership& membership) {
          return membership.covers(view.sent, view.connected_at);
        })) {
      violation(client, "a member of " + program + " all the time, and catchup knows nothing");
    }
  }
}

/// By a pid the server knows which programs the client has: it names each of them, and calls no
/// other one recovered.
void Checker::check_known(const Client& client, const View& view, const Verdicts& verdicts) {
  if (view.basis != CursorIs::pid) return;
  for (const auto& [program, segment] : view.segments) {
    if (!verdicts.contains(program)) violation(client, "nobody says that it has left " + program);
  }
  for (const auto& [program, verdict] : verdicts) {
    if (verdict == "recovered" && !view.segments.contains(program)) {
      violation(client, program + " is recovered, and the client has nothing of it");
    }
  }
}

/// When the admission began by which the client has known of the program.
TimePoint Checker::known_from(const View& view, const std::string& program) const {
  const auto segment = view.segments.find(program);
  return segment == view.segments.end() ? view.pid_from : segment->second.admitted_from;
}

bool Checker::reset_has_cause(const View& view, const std::string& program) const {
  if (view.basis == CursorIs::unreadable) return true;
  if (view.basis == CursorIs::id && !view.cursor_id.starts_with(parts_.books.epoch())) return true;
  // The store's clock may have been set back.
  const WallTime clock = parts_.store_clock() - Duration(node_lag_max).count();
  if (view.basis == CursorIs::timestamp && 1'000 * view.timestamp_ms > clock) return true;
  // A client that gets nothing new keeps its time, and is told each time that it comes.
  const auto floor = static_cast<std::int64_t>(parts_.books.floor());
  if (view.basis == CursorIs::timestamp && 1'000 * view.timestamp_ms <= floor) return true;
  const Duration lag = view.basis == CursorIs::session ? session_lag_max : node_lag_max;
  return parts_.books.epoch_began(known_from(view, program) - lag, view.connected_at);
}

bool Checker::joined_has_cause(const Client& client, const View& view,
                               const std::string& program) const {
  // No position of a session may be kept, or an early one.
  if (view.basis == CursorIs::none || view.basis == CursorIs::session) return true;
  const auto& memberships = parts_.members.of(client.options().user, program);
  return !holds(memberships, [&](const Membership& membership) {
    if (!membership.covers(known_from(view, program), view.connected_at)) return false;
    // A cursor that knows no memberships is compared with where each began.
    if (view.basis == CursorIs::timestamp) {
      return history::milliseconds(membership.since) < view.timestamp_ms;
    }
    return view.basis != CursorIs::id || membership.since <= gid_of(view.cursor_id);
  });
}

/// Whether the client's cursor may be before it: one by time cannot say which events of its
/// millisecond the client has.
bool Checker::is_beyond_cursor(const View& view, const Entry& entry) {
  if (view.basis == CursorIs::id) return entry.gid > gid_of(view.cursor_id);
  return view.basis == CursorIs::timestamp && history::milliseconds(entry.gid) >= view.timestamp_ms;
}

bool Checker::gap_has_cause(const View& view, const std::string& program) const {
  const auto found = view.segments.find(program);
  const auto& entries = parts_.books.of(program);
  if (parts_.books.epoch_began(view.pid_from - node_lag_max, view.connected_at)) return true;
  // At an admission whose verdicts were not heard, too.
  if (parts_.books.was_broken(program, view.pid_from - node_lag_max, view.connected_at))
    return true;
  // A time just after the epoch began may be of the history before it.
  const auto floor = static_cast<std::int64_t>(parts_.books.floor());
  if (view.basis == CursorIs::timestamp && 1'000 * view.timestamp_ms <= floor + 2'000'000) {
    return true;
  }
  // Whatever marker it has, nothing of it was lost.
  if (program == quiet_program) return false;
  const bool known = found != view.segments.end();
  // A session's position may be an early one.
  const bool any = !known || view.basis == CursorIs::session;
  for (std::size_t i = !any && found->second.last ? *found->second.last + 1 : 0; i < entries.size();
       ++i) {
    const Entry& entry = entries[i];
    // An admission may have been answered by a node that was behind.
    const bool before =
        !any && !found->second.last && entry.time + node_lag_max < found->second.admitted_from;
    if (!before && (entry.trimmed || entry.event == 0)) return true;
  }
  // What the client got of a replay whose verdicts it did not hear is beyond its cursor.
  if (std::ranges::any_of(entries, [&](const Entry& entry) {
        return (entry.trimmed || entry.event == 0) && is_beyond_cursor(view, entry);
      })) {
    return true;
  }
  // The cursor's own millisecond counts against the bound when it has to be sent again.
  return view.basis == CursorIs::timestamp &&
         std::ranges::count_if(entries, [&](const Entry& entry) {
           return history::milliseconds(entry.gid) >= view.timestamp_ms;
         }) > replay_timestamp_max;
}

void Checker::check_verdict(const Client& client, const View& view, const std::string& program,
                            std::string_view verdict) {
  const auto& memberships = parts_.members.of(client.options().user, program);
  const auto wrong = [&](const std::string& why) {
    violation(client, program + " is told " + std::string(verdict) + ", " + why);
  };
  if (verdict == "left") {
    if (holds(memberships, [&](const Membership& membership) {
          return membership.covers(view.sent, view.connected_at);
        })) {
      wrong("and was a member all the time");
    }
    return;
  }
  if (!holds(memberships, [&](const Membership& membership) {
        return membership.touches(view.sent, view.connected_at);
      })) {
    wrong("and was no member");
  }
  if (!client.pid() || view.basis == CursorIs::none) {
    if (verdict != "joined") wrong("without a cursor");
  } else if (view.basis == CursorIs::unreadable) {
    // One that gave it while it had no programs is new to those that it has now.
    const bool is_new = verdict == "joined" && joined_has_cause(client, view, program);
    if (verdict != "reset" && !is_new) wrong("by a cursor that nobody can read");
    if (view.cursor == CursorIs::unreadable && view.replayed != 0) wrong("and sent what came when");
  } else if (verdict == "recovered") {
    check_recovered(client, view, program);
  } else {
    check_told(client, view, program, verdict);
  }
}

/// Nobody is told without a cause.
void Checker::check_told(const Client& client, const View& view, const std::string& program,
                         std::string_view verdict) {
  const auto needless = [&](const std::string& why) {
    parts_.counts.add("needless verdicts");
    violation(client, program + " is told " + std::string(verdict) + ", " + why);
  };
  if (verdict == "joined") {
    if (!joined_has_cause(client, view, program)) needless("and was a member all the time");
  } else if (verdict == "reset") {
    if (!reset_has_cause(view, program)) needless("in the same epoch");
  } else if (verdict == "gap" && !gap_has_cause(view, program)) {
    unexplained_.push_back({client.name() + ": " + program + " is told gap, and everything is kept",
                            program, view.sent});
  }
}

/// While a node owes a marker nobody is whole there who did not get what went out without a number.
void Checker::check_recovered(const Client& client, const View& view, const std::string& program) {
  for (const Unnumbered& event : accepted_) {
    if (event.program != program || event.port != client.port()) continue;
    if (event.accepted >= view.sent || parts_.books.marked(program, event.begun)) continue;
    if (!lacks(client, view, event)) continue;
    violation(client, program + " is recovered, though n" + std::to_string(event.event) +
                          " went out there without a number");
  }
}

/// Begins anew what was told, and goes on with what is recovered.
void Checker::settle(const Client& client, View& view, const Verdicts& verdicts) {
  std::map<std::string, Segment> known = std::exchange(view.segments, {});
  for (const auto& [program, verdict] : verdicts) {
    const auto found = known.find(program);
    if (verdict == "left") continue;
    if (verdict == "recovered" && found != known.end()) {
      view.segments[program] = found->second;
    } else {
      view.segments[program] = {view.connected_at, {}, view.sent, {}};
    }
  }
  view.pid_from = view.sent;
  for (const auto& received : std::exchange(view.buffered, {})) take(client, view, received);
}

}  // namespace crier::simulation
