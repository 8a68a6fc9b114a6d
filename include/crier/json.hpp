#pragma once

// Validated JSON text as a value.

#include "crier/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace crier {

/// JSON text that is known to be valid (RFC 8259) and UTF-8. It passes through Crier unparsed.
/// A value: copies own their text. Thread-compatible.
class Json {
 public:
  static constexpr std::size_t depth_max = 64;  ///< Deepest nesting accepted, in levels.

  Json() : text_("null") {}

  /// Fails with code `not_json`, `bad_utf8`, `duplicate_key` or `too_deep`.
  static Result<Json> parse(std::string text);

  /// `text` as a JSON string, escaped. Fails with `bad_utf8`.
  static Result<Json> string(std::string_view text);

  /// Valid until this value is changed or destroyed.
  [[nodiscard]] std::string_view text() const { return text_; }

  friend bool operator==(const Json&, const Json&) = default;

 private:
  explicit Json(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace crier
