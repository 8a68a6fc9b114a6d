// Implements the check of placeholders in one pass over the text.

#include "socketio/placeholders.hpp"

#include "base/json_text.hpp"
#include "socketio/digits.hpp"

#include <cstddef>
#include <vector>

namespace crier::socketio {
namespace {

/// What has been seen of an open object so far.
struct Seen {
  bool marked = false;  ///< `_placeholder` is true.
  bool num = false;
  bool bad_num = false;  ///< Out of range, not plain digits, or a second one.
};

std::string_view after_whitespace(std::string_view text) {
  const std::size_t at = text.find_first_not_of(" \t\r\n");
  return at == std::string_view::npos ? std::string_view() : text.substr(at);
}

/// The length of the string literal that `text`, valid JSON, begins with.
std::size_t literal_length(std::string_view text) {
  std::size_t at = 1;
  while (text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return at + 1;
}

bool spells(std::string_view literal, std::string_view name) {
  const std::string_view inner = literal.substr(1, literal.size() - 2);
  if (inner == name) return true;
  constexpr std::size_t longest_escape = 6;  // of one ASCII character: \u0000
  if (inner.size() > name.size() * longest_escape || inner.find('\\') == std::string_view::npos)
    return false;
  return json::unquote(literal) == name;
}

bool is_index(std::string_view value, std::uint32_t attachments) {
  if (!starts_with_digit(value)) return false;
  const bool in_range = take_digits(value, attachments) < attachments;
  return in_range && !value.starts_with('.') && !value.starts_with('e') && !value.starts_with('E');
}

void note_member(Seen& seen, std::string_view key, std::string_view value,
                 std::uint32_t attachments) {
  if (spells(key, "_placeholder")) {
    seen.marked = seen.marked || value.starts_with("true");
  } else if (spells(key, "num")) {
    seen.bad_num = seen.bad_num || seen.num || !is_index(value, attachments);
    seen.num = true;
  }
}

}  // namespace

bool placeholders_in_range(std::string_view json, std::uint32_t attachments) {
  std::vector<Seen> open;  // objects only: an array has no keys
  while (!json.empty()) {
    std::size_t taken = 1;
    if (json.front() == '{') {
      open.emplace_back();
    } else if (json.front() == '}') {
      const Seen seen = open.back();
      if (seen.marked && (seen.bad_num || !seen.num)) return false;
      open.pop_back();
    } else if (json.front() == '"') {
      taken = literal_length(json);
      const std::string_view rest = after_whitespace(json.substr(taken));
      if (rest.starts_with(':')) {
        note_member(open.back(), json.substr(0, taken), after_whitespace(rest.substr(1)),
                    attachments);
      }
    }
    json.remove_prefix(taken);
  }
  return true;
}

}  // namespace crier::socketio
