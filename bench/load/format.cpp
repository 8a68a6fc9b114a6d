#include "format.hpp"

#include <array>
#include <cstdio>

namespace load {

std::string formatted(const char* pattern, double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), pattern, value);
  return text.data();
}

std::string grouped(double number) {
  std::string digits = formatted("%.0f", number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    if (digits[at - 1] != '-') digits.insert(at, 1, ',');
  }
  return digits;
}

std::string duration_text(double nanoseconds) {
  if (nanoseconds < 1e6) return formatted("%.0f µs", nanoseconds / 1e3);
  if (nanoseconds < 1e9) return formatted("%.2f ms", nanoseconds / 1e6);
  return formatted("%.2f s", nanoseconds / 1e9);
}

}  // namespace load
