// Writes and parses events and claims as they are in Redis.

#include "backends/redis/store/member.hpp"

#include "base/encoding.hpp"
#include "base/json_text.hpp"
#include "base/names.hpp"

namespace crier::redis {
namespace {

/// Takes `prefix` from the front of `text`.
bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// Takes `"name":number,` from the front of `text`.
std::optional<std::uint64_t> take_number(std::string_view& text, std::string_view prefix) {
  if (!take(text, prefix)) return std::nullopt;
  const std::size_t end = text.find(',');
  if (end == std::string_view::npos) return std::nullopt;
  const auto number = parse_number(text.substr(0, end));
  text.remove_prefix(end + 1);
  return number;
}

/// Takes a name, as a JSON string, from the front of `text`.
std::optional<std::string> take_name(std::string_view& text) {
  const auto literal = json::scan_value(text, 1);
  if (!literal) return std::nullopt;
  auto name = json::unquote(text.substr(0, *literal));
  text.remove_prefix(*literal);
  if (!name || !is_name(*name)) return std::nullopt;
  return name;
}

/// The numbers and the envelope, without the opening brace.
std::optional<history::Record> decode_rest(std::string_view text) {
  const auto seq = take_number(text, "\"seq\":");
  const auto prev = take_number(text, "\"prev\":");
  const auto gid = take_number(text, "\"gid\":");
  if (!seq || !prev || !gid || *seq == 0 || *prev >= *gid) return std::nullopt;
  if (!take(text, "\"envelope\":") || !text.starts_with('{') || !text.ends_with('}')) {
    return std::nullopt;
  }
  const std::string_view envelope = text.substr(0, text.size() - 1);
  if (!json::is_valid(envelope) || !is_utf8(envelope)) return std::nullopt;
  return history::Record{*gid, *seq, *prev, Bytes(std::string(envelope))};
}

}  // namespace

std::optional<history::Record> decode_member(std::string_view text) {
  if (!take(text, "{")) return std::nullopt;
  return decode_rest(text);
}

std::optional<history::Published> decode_bus_message(std::string_view text) {
  constexpr std::string_view program_mark = "\",\"program\":";
  if (!take(text, "{\"epoch\":\"")) return std::nullopt;
  const std::size_t epoch_end = text.find(program_mark);
  if (epoch_end == std::string_view::npos) return std::nullopt;
  const std::string_view epoch = text.substr(0, epoch_end);
  text.remove_prefix(epoch_end + program_mark.size());
  auto program = take_name(text);
  if (!history::is_epoch(epoch) || !program || !take(text, ",")) return std::nullopt;
  auto record = decode_rest(text);
  if (!record) return std::nullopt;
  return history::Published{history::Epoch(epoch), *std::move(program), *std::move(record)};
}

std::optional<ClaimMessage> decode_claim(std::string_view text) {
  if (!take(text, "{\"sid\":")) return std::nullopt;
  auto sid = take_name(text);
  if (!sid || !take(text, ",\"fence\":") || !text.ends_with('}')) return std::nullopt;
  const auto fence = parse_number(text.substr(0, text.size() - 1));
  if (!fence) return std::nullopt;
  return ClaimMessage{*std::move(sid), *fence};
}

}  // namespace crier::redis
