// Implements the rate limiter.

#include "base/token_bucket.hpp"

#include "base/assert.hpp"

#include <algorithm>

namespace crier {

namespace {
constexpr std::uint64_t token = 1'000'000;
}

TokenBucket::TokenBucket(std::uint32_t per_second, std::uint32_t burst, TimePoint now)
    : per_second_(per_second), full_(burst * token), level_(full_), last_(now) {
  CRIER_ASSERT(per_second >= 1 && burst >= 1);
}

bool TokenBucket::take(TimePoint now) {
  if (now > last_) {
    const auto passed = static_cast<std::uint64_t>((now - last_).count());
    // Time beyond what fills the bucket is ignored: the product for a long time would overflow.
    const std::uint64_t enough = full_ / per_second_ + 1;
    level_ = std::min(full_, level_ + std::min(passed, enough) * per_second_);
    last_ = now;
  }
  if (level_ < token) return false;
  level_ -= token;
  return true;
}

}  // namespace crier
