#include "gateway/cursor.hpp"

#include "base/json_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace crier::gateway {

namespace {

std::optional<std::string> text_member(std::string_view auth, std::string_view name) {
  const auto value = json::member(auth, name);
  if (!value || value->empty() || value->front() != '"') return std::nullopt;
  return json::unquote(*value);
}

std::optional<PidCursor> read_pid(std::string_view auth, std::string_view user,
                                  const PidSeal& seal) {
  auto sealed = text_member(auth, "pid");
  if (!sealed) return std::nullopt;
  auto pid = seal.open(*sealed);
  if (!pid || pid->user != user) return std::nullopt;
  PidCursor cursor{*std::move(pid), *std::move(sealed), 0};
  cursor.gid = cursor.pid.start;
  const auto offset = text_member(auth, "offset");
  const auto id = offset ? history::parse_event_id(*offset) : std::nullopt;
  if (id && id->epoch == cursor.pid.epoch) cursor.gid = std::max(cursor.gid, id->gid);
  return cursor;
}

/// A number of milliseconds, or the same as a string. Anything else means that there is none, as
/// it does for existing servers.
std::optional<std::int64_t> read_timestamp(std::string_view auth) {
  const auto value = json::member(auth, "lastEventTimestamp");
  if (!value) return std::nullopt;
  std::string_view text = *value;
  if (text.size() >= 2 && text.front() == '"') text = text.substr(1, text.size() - 2);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  constexpr double latest = 8.64e15;  // the last Date of JavaScript
  if (!(number >= 1) || number > latest) return std::nullopt;
  return static_cast<std::int64_t>(std::floor(number));
}

}  // namespace

Cursor read_cursor(std::string_view auth, std::string_view user, const PidSeal& seal) {
  if (auto pid = read_pid(auth, user, seal)) return *std::move(pid);
  if (const auto text = text_member(auth, "lastEventId")) {
    if (auto id = history::parse_event_id(*text)) return IdCursor{*std::move(id)};
  }
  if (const auto milliseconds = read_timestamp(auth)) return TimestampCursor{*milliseconds};
  return NoCursor{};
}

}  // namespace crier::gateway
