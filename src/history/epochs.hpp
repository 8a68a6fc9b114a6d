#pragma once

#include "history/numbers.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>

namespace crier::history {

/// The epochs that a node has known of its store: the one that it is in, and those that it left. A
/// store never comes back to an epoch; what is heard late can be of one.
class Epochs {
 public:
  static constexpr std::size_t left_max = 8;  ///< The earliest are forgotten.

  /// False, and nothing changes: the node has left this one.
  bool enter(const Epoch& epoch) {
    if (epoch == current_) return true;
    if (std::ranges::find(left_, epoch) != left_.end()) return false;
    if (!current_.empty()) left_.push_back(std::move(current_));
    if (left_.size() > left_max) left_.pop_front();
    current_ = epoch;
    return true;
  }

  [[nodiscard]] const Epoch& current() const { return current_; }  ///< Empty: none is known.
  [[nodiscard]] const std::deque<Epoch>& left() const { return left_; }

 private:
  Epoch current_;
  std::deque<Epoch> left_;
};

}  // namespace crier::history
