// Implements the decoders with lookup tables, and the UTF-8 check as a small state machine.

#include "base/encoding.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace crier {
namespace {

constexpr std::string_view standard_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::uint8_t no_digit = 0xFF;
constexpr std::uint32_t no_digit_bit = 0x80;  ///< Every digit is below this value.
using Digits = std::array<std::uint8_t, 256>;

constexpr Digits digits_of(std::string_view alphabet, std::string_view also = {}) {
  Digits digits{};
  digits.fill(no_digit);
  for (const std::string_view letters : {alphabet, also}) {
    for (std::size_t i = 0; i < letters.size(); ++i) {
      digits[static_cast<unsigned char>(letters[i])] = static_cast<std::uint8_t>(i);
    }
  }
  return digits;
}

constexpr Digits url_digits = digits_of(url_alphabet);
constexpr Digits both_digits = digits_of(standard_alphabet, url_alphabet);

unsigned byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

std::string encode64(std::string_view bytes, std::string_view alphabet, bool padding) {
  const std::size_t whole = bytes.size() / 3 * 3;
  const std::size_t rest = bytes.size() - whole;
  std::string text(bytes.size() / 3 * 4 + (rest == 0 ? 0 : padding ? 4 : rest + 1), '=');
  char* at = text.data();
  for (std::size_t i = 0; i < whole; i += 3) {
    const unsigned group =
        byte_at(bytes, i) << 16U | byte_at(bytes, i + 1) << 8U | byte_at(bytes, i + 2);
    *at++ = alphabet[group >> 18U];
    *at++ = alphabet[group >> 12U & 63U];
    *at++ = alphabet[group >> 6U & 63U];
    *at++ = alphabet[group & 63U];
  }
  if (rest == 0) return text;
  const unsigned second = rest == 2 ? byte_at(bytes, whole + 1) : 0U;
  const unsigned group = byte_at(bytes, whole) << 16U | second << 8U;
  *at++ = alphabet[group >> 18U];
  *at++ = alphabet[group >> 12U & 63U];
  if (rest == 2) *at = alphabet[group >> 6U & 63U];
  return text;
}

/// Bits after the last whole byte must be zero if `exact`.
std::optional<std::string> decode64(std::string_view text, const Digits& digits, bool exact) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes(text.size() * 3 / 4, '\0');
  char* to = bytes.data();
  const auto digit_at = [&](std::size_t i) -> std::uint32_t {
    return digits[static_cast<unsigned char>(text[i])];
  };
  std::uint32_t seen = 0;  // all digits, or-ed: no_digit has a bit that no digit has
  const std::size_t whole = text.size() / 4 * 4;
  for (std::size_t i = 0; i < whole; i += 4) {
    const std::uint32_t a = digit_at(i);
    const std::uint32_t b = digit_at(i + 1);
    const std::uint32_t c = digit_at(i + 2);
    const std::uint32_t d = digit_at(i + 3);
    seen |= a | b | c | d;
    const std::uint32_t group = a << 18U | b << 12U | c << 6U | d;
    *to++ = static_cast<char>(group >> 16U);
    *to++ = static_cast<char>(group >> 8U);
    *to++ = static_cast<char>(group);
  }
  std::uint32_t pending = 0;
  unsigned bits = 0;
  for (std::size_t i = whole; i < text.size(); ++i) {
    const std::uint32_t digit = digit_at(i);
    seen |= digit;
    pending = pending << 6U | digit;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    *to++ = static_cast<char>(pending >> bits);
    pending &= (1U << bits) - 1U;
  }
  if (seen >= no_digit_bit) return std::nullopt;
  if (exact && pending != 0) return std::nullopt;
  return bytes;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
  return encode64(bytes, standard_alphabet, true);
}

std::optional<std::string> base64_decode_lenient(std::string_view text) {
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return decode64(text, both_digits, false);
}

std::string base64url_encode(std::string_view bytes) {
  return encode64(bytes, url_alphabet, false);
}

std::optional<std::string> base64url_decode(std::string_view text) {
  return decode64(text, url_digits, true);
}

std::string hex_encode(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

std::optional<std::uint64_t> parse_number(std::string_view digits) {
  constexpr std::uint64_t end = std::uint64_t{1} << 53U;
  std::uint64_t number = 0;
  const char* const last = digits.data() + digits.size();
  const auto [parsed, error] = std::from_chars(digits.data(), last, number);
  if (error != std::errc() || parsed != last || number >= end) return std::nullopt;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  return number;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return bytes;
}

namespace {

// What a Utf8Checker waits for: so many more bytes, and the range of the next one.
constexpr unsigned expect(unsigned count, unsigned low = 0x80, unsigned high = 0xBF) {
  return count | low << 8U | high << 16U;
}
constexpr unsigned spent = expect(1, 0xFF, 0x00);  // No byte is in this range.

/// The state after a first byte that is not ASCII (Unicode table 3-7).
constexpr unsigned expect_after(unsigned lead) {
  if (lead < 0xC2) return spent;
  if (lead < 0xE0) return expect(1);
  if (lead == 0xE0) return expect(2, 0xA0);
  if (lead == 0xED) return expect(2, 0x80, 0x9F);
  if (lead < 0xF0) return expect(2);
  if (lead == 0xF0) return expect(3, 0x90);
  if (lead < 0xF4) return expect(3);
  if (lead == 0xF4) return expect(3, 0x80, 0x8F);
  return spent;
}

constexpr unsigned expect_next(unsigned state, unsigned byte) {
  if (byte < (state >> 8U & 0xFFU) || byte > state >> 16U) return spent;
  const unsigned count = (state & 0xFFU) - 1;
  return count == 0 ? 0 : expect(count);
}

std::size_t ascii_prefix(std::string_view bytes) {
  std::size_t i = 0;
  for (std::uint64_t word = 0; i + sizeof word <= bytes.size(); i += sizeof word) {
    std::memcpy(&word, bytes.data() + i, sizeof word);
    if ((word & 0x8080808080808080U) != 0) break;
  }
  while (i < bytes.size() && static_cast<unsigned char>(bytes[i]) < 0x80) ++i;
  return i;
}

}  // namespace

bool Utf8Checker::feed(std::string_view piece) {
  while (!piece.empty() && state_ != spent) {
    if (state_ == 0) {
      piece.remove_prefix(ascii_prefix(piece));
      if (piece.empty()) break;
      state_ = expect_after(byte_at(piece, 0));
    } else {
      state_ = expect_next(state_, byte_at(piece, 0));
    }
    piece.remove_prefix(1);
  }
  return state_ != spent;
}

bool is_utf8(std::string_view bytes) {
  Utf8Checker checker;
  return checker.feed(bytes) && checker.complete();
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;  // volatile: the compiler must not end the loop early
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

}  // namespace crier
