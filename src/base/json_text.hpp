#pragma once

// A validating scanner over JSON text that hands out slices instead of trees. It accepts what
// JavaScript's JSON.parse accepts (lone surrogates in escapes, numbers of any size), because a
// pass-through server that is stricter would drop packets that Node forwards. RFC 8259.

#include "crier/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::json {

constexpr std::size_t depth_max = 512;  ///< Deepest nesting ever followed; a call may ask for less.

/// The length of the one JSON value that `text` starts with (leading whitespace included), or
/// nothing if there is no valid one or it nests deeper than `depth`. Does not check UTF-8.
std::optional<std::size_t> scan_value(std::string_view text, std::size_t depth = depth_max);

/// Whether `text` is exactly one valid value, whitespace around it allowed.
bool is_valid(std::string_view text, std::size_t depth = depth_max);

enum class Fault : std::uint8_t { not_json, too_deep, duplicate_key };

/// is_valid() that also says why not, and refuses an object, at any level, that has two members of
/// one name (compared after unescaping).
Result<void, Fault> check_strictly(std::string_view text, std::size_t depth = depth_max);

/// The elements of the array `text`, as trimmed slices of it; nothing if it is not a valid array.
std::optional<std::vector<std::string_view>> elements(std::string_view text,
                                                      std::size_t depth = depth_max);

struct Member {
  std::string_view key;    ///< As written, quotes included.
  std::string_view value;  ///< Trimmed.
};

/// The members of the object `text`, in order, duplicates included; nothing if it is not a valid
/// object.
std::optional<std::vector<Member>> members(std::string_view text, std::size_t depth = depth_max);

/// The value of the last of `members` whose key is `key` (compared after unescaping).
std::optional<std::string_view> find(const std::vector<Member>& members, std::string_view key);

/// The value of the last member of the valid object `object` whose key is `key` (compared after
/// unescaping), as JSON.parse would give it; nothing if there is none or it is not an object.
std::optional<std::string_view> member(std::string_view object, std::string_view key);

/// The text of the JSON string `literal` (quotes included), unescaped to UTF-8; a lone surrogate
/// becomes U+FFFD. Nothing if it is not a valid string literal.
std::optional<std::string> unquote(std::string_view literal);

/// The JSON number `literal` as JSON.parse gives it: infinity or zero if it is out of a double's
/// range. Nothing if it is not a valid number.
std::optional<double> number(std::string_view literal);

/// `text` as a JSON string literal, quotes included. Escapes only what RFC 8259 requires, as
/// JSON.stringify does. `text` must be UTF-8.
std::string quote(std::string_view text);

}  // namespace crier::json
