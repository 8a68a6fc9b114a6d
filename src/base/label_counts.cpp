// Implements the counters by label.

#include "base/label_counts.hpp"

namespace crier {

void LabelCounts::add(std::string_view label) {
  const auto found = counts_.find(label);
  if (found != counts_.end()) {
    ++found->second;
  } else {
    counts_.emplace(label, 1);
  }
}

LabelCounts& LabelCounts::operator+=(const LabelCounts& other) {
  for (const auto& [label, count] : other) counts_[label] += count;
  return *this;
}

std::uint64_t LabelCounts::of(std::string_view label) const {
  const auto found = counts_.find(label);
  return found == counts_.end() ? 0 : found->second;
}

}  // namespace crier
