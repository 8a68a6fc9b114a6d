#pragma once

#include "net/loop.hpp"

#include <functional>
#include <mutex>

namespace crier::net {

/// Posts to a loop from threads that may outlive it: a closed door drops what comes.
class Door {
 public:
  explicit Door(Loop& loop) : loop_(&loop) {}

  /// False when the door is closed; the task is then destroyed.
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
