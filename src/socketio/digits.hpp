#pragma once

// Reads decimal digits from the front of a text.

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace crier::socketio {

/// Takes the longest run of decimal digits off the front of `text` and returns its value, or `cap`
/// if it is greater. Check for a digit first: an empty run is 0. `cap` is at most 2^60.
inline std::uint64_t take_digits(std::string_view& text, std::uint64_t cap) {
  std::uint64_t value = 0;
  std::size_t length = 0;
  for (; length < text.size() && text[length] >= '0' && text[length] <= '9'; ++length) {
    value = std::min<std::uint64_t>(value * 10 + static_cast<unsigned>(text[length] - '0'), cap);
  }
  text.remove_prefix(length);
  return value;
}

inline bool starts_with_digit(std::string_view text) {
  return !text.empty() && text.front() >= '0' && text.front() <= '9';
}

}  // namespace crier::socketio
