#pragma once

// Numbers as people read them.

#include <string>

namespace load {

/// As printf does it, with one number.
[[nodiscard]] std::string formatted(const char* pattern, double value);

/// 1234567 → "1,234,567".
[[nodiscard]] std::string grouped(double number);

/// In µs, ms or s.
[[nodiscard]] std::string duration_text(double nanoseconds);

}  // namespace load
