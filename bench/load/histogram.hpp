#pragma once

// Durations counted in buckets that are at most 1/128 of their value wide, so that millions of them
// take one fixed table.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace load {

class Histogram {
 public:
  /// Counts a duration. One below 0 counts as 0, one above an hour into the last bucket.
  void record(std::int64_t nanoseconds) {
    const auto value = nanoseconds < 0 ? std::uint64_t{0} : static_cast<std::uint64_t>(nanoseconds);
    ++buckets_[index_of(value)];
    ++count_;
    if (value > most_) most_ = value;
  }

  void clear();

  [[nodiscard]] std::uint64_t count() const { return count_; }

  /// The duration, in ns, that `share` of all durations do not exceed; within 1 %. 0 when there are
  /// none.
  [[nodiscard]] double quantile(double share) const;

  /// The longest, exactly; 0 when there are none.
  [[nodiscard]] double most() const { return static_cast<double>(most_); }

  /// Calls `visit(from, to, count)` for each bucket that is not empty, shortest first; ns.
  template <typename Visit>
  void each(Visit visit) const {
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      if (buckets_[i] != 0) visit(lower_edge(i), lower_edge(i + 1), buckets_[i]);
    }
  }

 private:
  static constexpr unsigned precision = 7;  ///< Bits: 128 buckets for each doubling.
  static constexpr unsigned bits_most = 42;
  static constexpr std::size_t per_doubling = std::size_t{1} << precision;
  static constexpr std::size_t size = (bits_most - precision + 1) * per_doubling;

  static std::size_t index_of(std::uint64_t value) {
    if (value < per_doubling) return value;
    if (value >> bits_most != 0) return size - 1;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - precision - 1;
    return shift * per_doubling + (value >> shift);
  }

  static double lower_edge(std::size_t index) {
    if (index < per_doubling) return static_cast<double>(index);
    const std::size_t shift = index / per_doubling - 1;
    return static_cast<double>((index - shift * per_doubling) << shift);
  }

  std::array<std::uint64_t, size> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t most_ = 0;
};

}  // namespace load
