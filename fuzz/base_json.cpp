// Fuzzes the JSON scanner against Boost.JSON and against its own slices, and quote() against
// unquote().
#include "base/encoding.hpp"
#include "base/json_text.hpp"
#include "crier/json.hpp"
#include "one_input.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <cstdlib>
#include <string>

namespace {

using namespace crier;

void require(bool holds) {
  if (!holds) std::abort();
}

/// Boost's parser without a tree.
struct Ignore {
  static constexpr std::size_t max_object_size = SIZE_MAX;
  static constexpr std::size_t max_array_size = SIZE_MAX;
  static constexpr std::size_t max_key_size = SIZE_MAX;
  static constexpr std::size_t max_string_size = SIZE_MAX;
  using Code = boost::json::error_code;
  using Text = boost::json::string_view;
  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(std::size_t, Code&) { return true; }
  bool on_object_begin(Code&) { return true; }
  bool on_object_end(std::size_t, Code&) { return true; }
  bool on_string_part(Text, std::size_t, Code&) { return true; }
  bool on_string(Text, std::size_t, Code&) { return true; }
  bool on_key_part(Text, std::size_t, Code&) { return true; }
  bool on_key(Text, std::size_t, Code&) { return true; }
  bool on_number_part(Text, Code&) { return true; }
  bool on_int64(std::int64_t, Text, Code&) { return true; }
  bool on_uint64(std::uint64_t, Text, Code&) { return true; }
  bool on_double(double, Text, Code&) { return true; }
  bool on_bool(bool, Code&) { return true; }
  bool on_null(Code&) { return true; }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }
};

boost::json::error_code boost_verdict(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = json::depth_max;
  boost::json::basic_parser<Ignore> parser(options);
  boost::json::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && used != text.size()) error = boost::json::error::extra_data;
  return error;
}

/// Boost refuses exponents that overflow and lone surrogates, which JSON.parse accepts, and text
/// that is not UTF-8, which is_valid() does not check. Otherwise the two agree.
void compare_with_boost(std::string_view text) {
  const bool valid = json::is_valid(text);
  const boost::json::error_code refused = boost_verdict(text);
  if (!refused) require(valid);
  if (valid && is_utf8(text) && text.find("\\u") == std::string_view::npos) {
    require(!refused || refused == boost::json::error::exponent_overflow);
  }
}

void check_slices(std::string_view text) {
  const auto elements = json::elements(text);
  const auto members = json::members(text);
  require(!elements || !members);
  if (elements || members) require(json::is_valid(text));
  for (const auto& element : elements.value_or(std::vector<std::string_view>{})) {
    require(json::scan_value(element) == element.size());
  }
  for (const auto& [key, value] : members.value_or(std::vector<json::Member>{})) {
    require(json::scan_value(key) == key.size());
    require(json::scan_value(value) == value.size());
    const auto name = json::unquote(key);
    require(name.has_value());
    if (key.find("\\u") == std::string_view::npos) require(json::member(text, *name).has_value());
  }
}

void check_prefix(std::string_view text) {
  const auto size = json::scan_value(text);
  if (size) require(json::is_valid(text.substr(0, *size)));
  if (json::is_valid(text)) require(size.has_value());
}

void check_strict(std::string_view text) {
  const auto checked = json::check_strictly(text, Json::depth_max);
  if (checked || checked.error() == json::Fault::duplicate_key) require(json::is_valid(text));
  require(Json::parse(std::string(text)).has_value() == (checked.has_value() && is_utf8(text)));
}

void check_quoting(std::string_view text) {
  const std::string literal = json::quote(text);
  require(json::is_valid(literal));
  require(json::unquote(literal) == text);
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  const std::string_view part = input.substr(0, split);
  Utf8Checker checker;
  const bool fed = checker.feed(part) && checker.feed(input.substr(split));
  require((fed && checker.complete()) == is_utf8(input));
  for (const std::string_view text : {input, part}) {
    compare_with_boost(text);
    check_slices(text);
    check_prefix(text);
    check_strict(text);
    check_quoting(text);
  }
}
