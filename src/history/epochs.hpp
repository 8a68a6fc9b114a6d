#pragma once

// The epochs that a node has seen of its store.

#include "history/numbers.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>

namespace crier::history {

/// The current epoch and those that the node has left. A store never returns to an epoch, but a
/// message that arrives late can be of an earlier one.
class Epochs {
 public:
  static constexpr std::size_t left_max = 8;  ///< Limit on the epochs remembered; the earliest are
                                              ///< forgotten.

  /// Makes the epoch current. False, without a change, if the node has left this epoch.
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
