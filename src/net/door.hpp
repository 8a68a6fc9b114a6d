#pragma once

// Lets other threads post to a loop that may end before they do.

#include "net/loop.hpp"

#include <functional>
#include <mutex>

namespace crier::net {

/// Posts tasks to a loop from threads that may outlive the loop. After close() tasks are discarded.
/// Thread-safe.
class Door {
 public:
  explicit Door(Loop& loop) : loop_(&loop) {}

  /// False after close(); the task is then destroyed.
  bool post(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    if (loop_ == nullptr) return false;
    loop_->post(std::move(task));
    return true;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
  }

 private:
  std::mutex mutex_;
  Loop* loop_;
};

}  // namespace crier::net
