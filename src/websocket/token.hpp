#pragma once

// Tokens, the form of names in HTTP headers (RFC 9110 section 5.6.2).

#include <cstddef>
#include <string_view>

namespace crier::websocket {

inline bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Length of the token that `text` begins with.
inline std::size_t token_size(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  std::size_t size = 0;
  while (size < text.size() &&
         (is_letter_or_digit(text[size]) || marks.find(text[size]) != std::string_view::npos)) {
    ++size;
  }
  return size;
}

}  // namespace crier::websocket
