#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace load {

/// `text` between quotes.
[[nodiscard]] std::string json_string(std::string_view text);

/// One JSON object, member by member.
class JsonObject {
 public:
  /// With nine significant digits, so that a small figure does not become 0.
  JsonObject& add(std::string_view name, double value);
  JsonObject& add(std::string_view name, std::uint64_t value);
  JsonObject& add(std::string_view name, std::string_view value);
  JsonObject& raw(std::string_view name, std::string_view json);
  [[nodiscard]] std::string text() const { return text_ + '}'; }

 private:
  std::string text_ = "{";
};

}  // namespace load
