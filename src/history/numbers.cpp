// Makes numbers, epochs and event ids, and parses them.

#include "history/numbers.hpp"

#include "base/encoding.hpp"

#include <algorithm>
#include <array>

namespace crier::history {
namespace {

constexpr Gid lead_max = 1'000'000;  // µs that numbers may run ahead to keep milliseconds apart
constexpr std::size_t epoch_length = 8;

bool is_base64url(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

}  // namespace

Gid next_gid(Gid last, WallTime clock) {
  const Gid now = clock > 0 ? static_cast<Gid>(clock) : 0;
  if (last / 1000 < now / 1000) return now + now % 2;
  const Gid next_millisecond = (last / 1000 + 1) * 1000;
  return next_millisecond < now + lead_max ? next_millisecond : last + 1 + last % 2;
}

Epoch new_epoch(Random& random) {
  std::array<std::byte, 6> bytes{};
  random.fill(bytes);
  return base64url_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

bool is_epoch(std::string_view text) {
  return text.size() == epoch_length && std::all_of(text.begin(), text.end(), is_base64url);
}

std::string event_id(const Epoch& epoch, Gid gid) { return epoch + '.' + std::to_string(gid); }

std::optional<EventId> parse_event_id(std::string_view text) {
  if (text.size() <= epoch_length || text[epoch_length] != '.') return std::nullopt;
  const std::string_view epoch = text.substr(0, epoch_length);
  const auto gid = parse_number(text.substr(epoch_length + 1));
  if (!is_epoch(epoch) || !gid) return std::nullopt;
  return EventId{std::string(epoch), *gid};
}

}  // namespace crier::history
