#pragma once

// A rate limiter for new sessions.

#include "base/time.hpp"

#include <cstdint>

namespace crier {

/// Lets `burst` pass at once and `per_second` a second in the long run. Exact: no token is lost or
/// made by rounding. Times that go backwards count as standing still.
class TokenBucket {
 public:
  /// Both at least 1. Full at first.
  TokenBucket(std::uint32_t per_second, std::uint32_t burst, TimePoint now);

  /// Takes one token; false, and nothing taken, when there is none.
  bool take(TimePoint now);

 private:
  std::uint64_t per_second_;
  std::uint64_t full_;   ///< In millionths of a token; a microsecond adds per_second_ of them.
  std::uint64_t level_;  ///< The level at the time last_.
  TimePoint last_;
};

}  // namespace crier
