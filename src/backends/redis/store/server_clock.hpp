#pragma once

// An estimate of the clock of the Redis server.

#include "base/time.hpp"
#include "history/store.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace crier::redis {

/// What time it is at a server, from what it said and the time that has gone by here since: the
/// wall clock of this machine does not count. Numbers of the server's move it, too: where its clock
/// has stepped back, they are ahead of it.
class ServerClock {
 public:
  void told(history::Gid clock, TimePoint now) {
    clock_ = clock;
    told_at_ = now;
  }
  /// Nothing before the first was told.
  [[nodiscard]] std::optional<history::Gid> at(TimePoint now) const;

 private:
  std::optional<history::Gid> clock_;
  TimePoint told_at_{};
};

/// By how much a server's clock is ahead of this machine's, if it said `server` between the two;
/// zero if it may be right.
std::chrono::microseconds clock_offset(WallTime asked, WallTime answered, WallTime server);

}  // namespace crier::redis
