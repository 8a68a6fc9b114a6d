#pragma once

// Remembers which polls of a session have been answered, to detect their late duplicates.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace crier::engineio {

constexpr std::size_t past_polls_max = 256;  ///< Number of polls remembered.

/// The `t` parameters of answered polls. When a browser repeats a GET, the first GET may still be
/// in transit, and may arrive after later polls.
class PastPolls {
 public:
  void add(std::string_view t) {
    if (hashes_.size() < past_polls_max) {
      hashes_.push_back(hash(t));
    } else {
      hashes_[oldest_] = hash(t);
      oldest_ = (oldest_ + 1) % past_polls_max;
    }
  }
  [[nodiscard]] bool has(std::string_view t) const {
    return !t.empty() && std::ranges::find(hashes_, hash(t)) != hashes_.end();
  }

 private:
  static std::uint32_t hash(std::string_view t) {
    return static_cast<std::uint32_t>(std::hash<std::string_view>()(t));
  }

  std::vector<std::uint32_t> hashes_;
  std::size_t oldest_ = 0;
};

}  // namespace crier::engineio
