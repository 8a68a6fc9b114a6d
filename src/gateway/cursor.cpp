// Reads the cursor from a client's `auth`.

#include "gateway/cursor.hpp"

#include "base/json_text.hpp"
#include "base/names.hpp"
#include "base/time.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace crier::gateway {

namespace {

constexpr std::size_t nonce_bytes = 4;

using Auth = std::vector<json::Member>;

/// The member's value; nothing if it means that nothing is stated.
std::optional<std::string_view> stated(const Auth& auth, std::string_view name) {
  const auto value = json::find(auth, name);
  if (!value || *value == "null" || *value == "\"\"" || json::number(*value) == 0) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::string> text_of(std::string_view value) {
  return value.starts_with('"') ? json::unquote(value) : std::nullopt;
}

/// An event's id, or the position that ended a `catchup`.
struct StatedId {
  history::EventId id;
  std::string nonce;
};

std::optional<StatedId> parse_id(std::string_view text) {
  StatedId stated;
  const std::size_t dot = text.rfind('.');
  if (dot != std::string_view::npos && text.find('.') != dot) {
    stated.nonce = text.substr(dot + 1);
    if (stated.nonce.size() != nonce_bytes) return std::nullopt;
    text = text.substr(0, dot);
  }
  auto id = history::parse_event_id(text);
  if (!id) return std::nullopt;
  stated.id = *std::move(id);
  return stated;
}

/// Milliseconds since 1970: a number, the same as text, or a time of ISO 8601.
std::optional<std::int64_t> parse_timestamp(std::string_view value) {
  const auto text = text_of(value);
  if (text) value = *text;
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) {
    const auto time = text ? parse_time(value) : std::nullopt;
    if (!time || *time < 0) return std::nullopt;
    return std::max<std::int64_t>(*time / 1000, 1);
  }
  constexpr double latest = 8.64e15;  // the last Date of JavaScript
  if (!(number >= 1) || number > latest) return std::nullopt;
  return static_cast<std::int64_t>(std::floor(number));
}

/// The number up to which the client has received its verdicts. It got later events in replays, of
/// this pid or of earlier ones, and does not know what those lacked.
history::Gid heard_up_to(const Pid& pid) {
  history::Gid gid = pid.here.gid;
  if (const auto* snapshot = std::get_if<Snapshot>(&*pid.earlier)) {
    if (snapshot->epoch == pid.here.epoch) gid = snapshot->gid;
  } else if (const auto* id = std::get_if<IdCursor>(&*pid.earlier)) {
    if (id->id.epoch == pid.here.epoch) gid = id->id.gid;
  } else if (const auto* time = std::get_if<TimestampCursor>(&*pid.earlier)) {
    gid = static_cast<history::Gid>(time->milliseconds) * 1000;
  }
  return std::min(gid, pid.here.gid);
}

/// Whether the client has received the `catchup` of the admission that gave it the pid. All later
/// events have greater numbers.
bool has_heard(const Pid& pid, const std::optional<StatedId>& offset) {
  if (!pid.earlier) return true;
  if (!offset || offset->id.epoch != pid.here.epoch) return false;
  const history::Gid at = pid.here.memberships.at;
  return offset->id.gid > at || (offset->id.gid == at && offset->nonce == pid.nonce);
}

void weigh_stale(Cursor& cursor) {
  if (std::holds_alternative<UnreadableCursor>(cursor.basis) && cursor.stale) {
    cursor.received = cursor.stale;
  }
}

/// The number up to which the client has received events in the pid's epoch; 0: nothing is stated.
history::Gid received_of(const Pid& pid, const std::optional<StatedId>& offset) {
  return offset && offset->id.epoch == pid.here.epoch ? offset->id.gid : 0;
}

/// The client may not know the verdicts that came with the pid: the earlier basis counts.
void take_unheard(Cursor& cursor, Pid pid, history::Gid received) {
  if (received > heard_up_to(pid)) {
    cursor.gaps = std::move(pid.gaps);
    cursor.gaps_unnamed = pid.gaps_unnamed;
  }
  cursor.ended = std::move(pid.ended);
  cursor.ended_unnamed = pid.ended_unnamed;
  cursor.basis = *std::move(pid.earlier);
  cursor.unheard = std::move(pid.here);
  weigh_stale(cursor);
}

void take(Cursor& cursor, Pid pid, std::optional<StatedId> offset) {
  if (offset && offset->id == pid.stale && offset->nonce != pid.nonce) {
    cursor.stale = offset->id;
    offset.reset();
  }
  const bool heard = has_heard(pid, offset);
  const history::Gid received = received_of(pid, offset);
  cursor.sid = std::move(pid.sid);
  cursor.nonce = std::move(pid.nonce);
  if (offset) cursor.received = offset->id;
  if (!heard) return take_unheard(cursor, std::move(pid), received);
  pid.here.gid = std::max(pid.here.gid, received);
  cursor.basis = std::move(pid.here);
}

bool take_pid(Cursor& cursor, const Auth& auth, std::string_view value, std::string_view user,
              const PidSeal& seal) {
  const auto member = stated(auth, "offset");
  const auto offset = member ? text_of(*member) : std::nullopt;
  const auto id = offset ? parse_id(*offset) : std::nullopt;
  auto text = text_of(value);
  auto pid = text ? seal.open(*text, user) : std::nullopt;
  if (!pid || pid->sid.empty()) {
    if (id) cursor.stale = id->id;
    return false;
  }
  if (member && !id) return false;  // what the client has received is unknown
  cursor.pid = *std::move(text);
  take(cursor, *std::move(pid), id);
  return true;
}

bool take_id(Cursor& cursor, std::string_view value) {
  const auto text = text_of(value);
  const auto id = text ? parse_id(*text) : std::nullopt;
  if (!id) return false;
  cursor.basis = IdCursor{id->id};
  cursor.received = id->id;
  return true;
}

bool take_timestamp(Cursor& cursor, std::string_view value) {
  const auto milliseconds = parse_timestamp(value);
  if (!milliseconds) return false;
  cursor.basis = TimestampCursor{*milliseconds};
  return true;
}

/// False: a session is stated but cannot be read.
bool take_session(Cursor& cursor, const Auth& auth) {
  const auto value = stated(auth, "session");
  if (!value) return true;
  const auto session = text_of(*value);
  if (!session || !is_name(*session)) return false;
  cursor.session = *session;
  return true;
}

}  // namespace

Cursor read_cursor(std::string_view text, std::string_view user, const PidSeal& seal) {
  Cursor cursor;
  const Auth auth = json::members(text).value_or(Auth());
  bool unreadable = !take_session(cursor, auth);
  if (const auto value = stated(auth, "pid")) {
    if (take_pid(cursor, auth, *value, user, seal)) return cursor;
    unreadable = cursor.ended_unnamed = true;
  }
  if (const auto value = stated(auth, "lastEventId")) {
    if (take_id(cursor, *value)) return cursor;
    unreadable = true;
  }
  if (const auto value = stated(auth, "lastEventTimestamp"); value && *value != "\"0\"") {
    if (take_timestamp(cursor, *value)) return cursor;
    unreadable = true;
  }
  if (unreadable) cursor.basis = UnreadableCursor{};
  weigh_stale(cursor);
  return cursor;
}

Cursor with_position(Cursor cursor, std::string_view position, std::string_view user,
                     const PidSeal& seal) {
  if (position.empty()) return cursor;
  if (auto pid = seal.open(position, user)) {
    take(cursor, *std::move(pid), std::nullopt);
  } else {
    cursor.basis = UnreadableCursor{};
    cursor.ended_unnamed = true;
  }
  return cursor;
}

std::string position_text(const history::EventId& id, std::string_view nonce) {
  return history::event_id(id.epoch, id.gid).append(1, '.').append(nonce);
}

}  // namespace crier::gateway
