// Fuzzes the reading of a client's cursor. The input is used in three ways: as the whole `auth`; as
// the text and as the value of each member; and spliced into a valid pid, which must then open only
// if nothing changed.
#include "base/encoding.hpp"
#include "base/json_text.hpp"
#include "base/names.hpp"
#include "gateway/cursor.hpp"
#include "one_input.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace {

using namespace crier;
using gateway::Cursor;

constexpr std::string_view user = "u1";

void require(bool holds) {
  if (!holds) std::abort();
}

template <typename Is>
bool is(const Cursor& cursor) {
  return std::holds_alternative<Is>(cursor.basis);
}

const gateway::PidSeal& seal() {
  static const gateway::PidSeal with("fuzz");
  return with;
}

const std::string& good_pid() {
  static const std::string pid = seal().seal(
      {"sid", {"epochABC", 1000, {1500, {{"p", 3}}}}, "n0nc", gateway::NoCursor{}}, user);
  return pid;
}

Cursor read(const std::string& auth) { return gateway::read_cursor(auth, user, seal()); }
Cursor read(const std::string& name, std::string_view value) {
  return read("{\"" + name + "\":" + std::string(value) + "}");
}

/// Whether JSON.parse returns a value that states nothing.
bool says_nothing(std::string_view value) {
  const auto text = json::unquote(value);
  return value == "null" || (text && text->empty()) || json::number(value) == 0;
}

/// A cursor by id is what Crier would have written, with a nonce or without.
void check_id(const Cursor& cursor, std::string_view text) {
  const auto& id = std::get<gateway::IdCursor>(cursor.basis).id;
  const std::string event = history::event_id(id.epoch, id.gid);
  require(text == event || (text.starts_with(event + '.') && text.size() == event.size() + 5));
  require(cursor.received == id);
}

void check_value(std::string_view value) {
  const auto text = json::unquote(value);
  for (const std::string name : {"pid", "lastEventId", "lastEventTimestamp", "session"}) {
    const Cursor cursor = read(name, value);
    require(cursor.pid.empty() && cursor.sid.empty());
    if (says_nothing(value)) {
      require(!cursor.is_stated() && cursor.session.empty());
    } else if (is<gateway::IdCursor>(cursor)) {
      require(name == "lastEventId" && text.has_value());
      check_id(cursor, *text);
    } else if (is<gateway::TimestampCursor>(cursor)) {
      const auto at = std::get<gateway::TimestampCursor>(cursor.basis).milliseconds;
      require(name == "lastEventTimestamp" && at >= 1 && at <= 8'640'000'000'000'000);
    } else if (is<gateway::NoCursor>(cursor)) {
      require((name == "session" && is_name(cursor.session) && cursor.session == text) ||
              (name == "lastEventTimestamp" && value == "\"0\""));
    } else {
      require(is<gateway::UnreadableCursor>(cursor));
    }
  }
}

/// With a valid pid no other member counts, and an offset can only move it forward. An unreadable
/// offset invalidates the pid, and is not a readable id either.
void check_beside_pid(std::string_view value) {
  const Cursor cursor = read("{\"pid\":\"" + good_pid() + "\",\"offset\":" + std::string(value) +
                             ",\"lastEventId\":" + std::string(value) + "}");
  if (is<gateway::UnreadableCursor>(cursor)) {
    require(!says_nothing(value) && cursor.pid.empty() && cursor.sid.empty());
    return;
  }
  require(cursor.pid == good_pid() && cursor.sid == "sid");
  if (is<gateway::NoCursor>(cursor)) {  // The client has not received its verdicts.
    require(cursor.unheard && cursor.unheard->epoch == "epochABC" && cursor.unheard->gid == 1000);
    return;
  }
  require(is<gateway::Snapshot>(cursor));
  require(std::get<gateway::Snapshot>(cursor.basis).gid >= 1500 && cursor.received.has_value());
}

void check_splice(std::string_view input, std::size_t split) {
  const std::size_t at = split % (good_pid().size() + 1);
  std::string overwritten = good_pid();
  overwritten.replace(at, std::min(input.size(), good_pid().size() - at), input);
  std::string inserted = good_pid();
  inserted.insert(at, input);
  for (const auto& pid : {overwritten, inserted}) {
    if (pid == good_pid()) continue;
    require(is<gateway::UnreadableCursor>(read("pid", json::quote(pid))));
    require(is<gateway::UnreadableCursor>(gateway::with_position({}, pid, user, seal())));
  }
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  if (json::members(input)) read(std::string(input));
  const std::string list = "[" + std::string(input) + "]";
  if (const auto elements = json::elements(list)) {
    for (const std::string_view value : *elements) {
      check_value(value);
      check_beside_pid(value);
    }
  }
  if (!is_utf8(input)) return;
  check_value(json::quote(input));
  check_beside_pid(json::quote(input));
  check_splice(input, split);
}
