#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace crier {

using Duration = std::chrono::microseconds;

/// Monotonic time, an input of all protocol code. Never read a clock outside net/ and main.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// Microseconds since 1970-01-01 UTC.
using WallTime = std::int64_t;

constexpr TimePoint never = TimePoint::max();

/// `2026-11-24T06:49:00.123Z`, as JavaScript's toISOString, for a time in milliseconds since 1970.
std::string iso8601(std::int64_t milliseconds);

}  // namespace crier
