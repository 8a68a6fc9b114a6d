#include "histogram.hpp"

#include <algorithm>
#include <cmath>

namespace load {

void Histogram::clear() {
  buckets_.fill(0);
  count_ = most_ = 0;
}

double Histogram::quantile(double share) const {
  if (count_ == 0) return 0;
  const auto wanted = std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen < wanted) continue;
    const double middle =
        i < per_doubling ? lower_edge(i) : (lower_edge(i) + lower_edge(i + 1)) / 2;
    return std::min(middle, most());
  }
  return most();
}

}  // namespace load
