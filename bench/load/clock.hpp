#pragma once

#include <cstdint>
#include <ctime>

namespace load {

/// Time of CLOCK_MONOTONIC.
inline std::int64_t nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

/// Of a number of seconds.
constexpr std::int64_t in_nanoseconds(double seconds) {
  return static_cast<std::int64_t>(seconds * 1e9);
}

}  // namespace load
