#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace load {

/// What went wrong, by kind.
class Errors {
 public:
  struct Kind {
    std::uint64_t count = 0;
    std::string sample;  ///< What the first one said; may be empty.
  };

  void add(std::string_view kind, std::string_view sample = {}, std::uint64_t count = 1) {
    Kind& known = kinds_[std::string(kind)];
    if (known.count == 0) known.sample = sample.substr(0, 300);
    known.count += count;
  }

  /// `count` of them, which may be 0.
  void add_if(std::uint64_t count, std::string_view kind) {
    if (count > 0) add(kind, {}, count);
  }

  /// One of them, to say in a sentence.
  [[nodiscard]] std::string first() const {
    if (kinds_.empty()) return "no answer";
    const auto& [name, kind] = *kinds_.begin();
    const std::string line = kind.sample.substr(0, kind.sample.find_first_of("\r\n"));
    return line.empty() ? name : name + ": " + line;
  }

  [[nodiscard]] const std::map<std::string, Kind>& kinds() const { return kinds_; }

 private:
  std::map<std::string, Kind> kinds_;
};

}  // namespace load
