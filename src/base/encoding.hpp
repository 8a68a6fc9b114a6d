#pragma once

// Text encodings: base64, base64url, hexadecimal, percent-encoding, UTF-8, and a comparison in
// constant time.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crier {

/// Encodes as base64 (RFC 4648 section 4), with padding.
std::string base64_encode(std::string_view bytes);

/// Accepts what Node's Buffer.from(…, "base64") does on well-meant input: both alphabets, padding
/// optional. Any other character fails.
std::optional<std::string> base64_decode_lenient(std::string_view text);

/// Encodes as base64url (RFC 4648 section 5) without padding, as JWS uses it (RFC 7515 section 2).
std::string base64url_encode(std::string_view bytes);
/// Strict: no padding, no other character, no set bits after the last byte.
std::optional<std::string> base64url_decode(std::string_view text);

/// Lower-case hexadecimal.
std::string hex_encode(std::string_view bytes);

/// A number below 2^53, which a double and a Redis score hold exactly: decimal, without sign or
/// leading zeros.
std::optional<std::uint64_t> parse_number(std::string_view digits);

/// Decodes once (RFC 3986 section 2.1); `+` stays `+`. Fails on a malformed escape.
std::optional<std::string> percent_decode(std::string_view text);

/// Well-formed UTF-8 per Unicode table 3-7: no surrogates, no overlong forms.
bool is_utf8(std::string_view bytes);

/// Validates UTF-8 that arrives in pieces (RFC 6455 section 8.1). A value.
class Utf8Checker {
 public:
  /// False when `piece` cannot continue well-formed text; it stays so.
  bool feed(std::string_view piece);
  /// Whether the text may end here.
  [[nodiscard]] bool complete() const { return state_ == 0; }

 private:
  unsigned state_ = 0;
};

/// Whether both have the same bytes. The time depends on the lengths only.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace crier
