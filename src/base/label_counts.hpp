#pragma once

// Counters by label, for metrics.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace crier {

/// Counts by label. Meant for few labels.
class LabelCounts {
 public:
  /// Adds one under `label`.
  void add(std::string_view label);
  LabelCounts& operator+=(const LabelCounts& other);
  [[nodiscard]] std::uint64_t of(std::string_view label) const;

  [[nodiscard]] auto begin() const { return counts_.begin(); }
  [[nodiscard]] auto end() const { return counts_.end(); }

 private:
  std::map<std::string, std::uint64_t, std::less<>> counts_;
};

}  // namespace crier
