#pragma once

// The types for time, and times as text.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crier {

using Duration = std::chrono::microseconds;

/// Monotonic time, an input of all protocol code. Never read a clock outside net/ and main.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// Microseconds since 1970-01-01 UTC.
using WallTime = std::int64_t;

constexpr TimePoint never = TimePoint::max();

/// `2026-11-24T06:49:00.123Z`, as JavaScript's toISOString, for a time in milliseconds since 1970.
std::string iso8601(std::int64_t milliseconds);

/// Reads milliseconds since 1970 as at most 15 digits, or ISO 8601 from the year 0 to 9999: a date,
/// alone (its midnight, UTC) or with a time of day and its zone, such as `2026-11-24T06:49:00.123Z`
/// or `2026-11-24 07:49+01:00`. Fractions of a microsecond are cut off.
std::optional<WallTime> parse_time(std::string_view text);

}  // namespace crier
