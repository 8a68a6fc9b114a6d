// Estimates the clock of the Redis server.

#include "backends/redis/store/server_clock.hpp"

#include <algorithm>

namespace crier::redis {

std::optional<history::Gid> ServerClock::at(TimePoint now) const {
  if (!clock_) return std::nullopt;
  const auto passed = std::max(now - told_at_, Duration::zero());
  return *clock_ + static_cast<history::Gid>(
                       std::chrono::duration_cast<std::chrono::microseconds>(passed).count());
}

std::chrono::microseconds clock_offset(WallTime asked, WallTime answered, WallTime server) {
  if (server < asked) return std::chrono::microseconds(server - asked);
  if (server > answered) return std::chrono::microseconds(server - answered);
  return {};
}

}  // namespace crier::redis
