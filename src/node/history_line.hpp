#pragma once

// What the two ends of a HistoryLink share.

#include "history/store.hpp"
#include "node/history_hub.hpp"
#include "web/worker.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace crier::node {

/// What both ends of a link know. The worker's thread alone uses it, but for what says otherwise.
struct HistoryHub::Line {
  explicit Line(web::Worker& w) : worker(w) {}

  web::Worker& worker;
  history::BusListener* listener = nullptr;
  std::unordered_map<std::string, std::uint64_t> subscriptions;  ///< Which one is in force.
  std::uint64_t subscriptions_made = 0;
  std::uint64_t losses = 0;  ///< The number of calls of the listener's lost().
  bool closed = false;       ///< The link has gone.
  std::atomic<std::size_t> under_way = 0;
  std::atomic<std::size_t> event_bytes_under_way = 0;
  bool behind = false;  ///< The home's: nothing is posted before the worker has caught up.

  /// From the home's thread: runs `task` on the worker's, unless the link has gone by then.
  static void post(const std::shared_ptr<Line>& line, std::function<void()> task) {
    line->under_way.fetch_add(1, std::memory_order_relaxed);
    line->worker.loop().post([line, task = std::move(task)]() {
      if (!line->closed) {
        task();
      }
      line->under_way.fetch_sub(1, std::memory_order_release);
    });
  }

  void tell_loss() {
    ++losses;
    listener->lost();
  }

  [[nodiscard]] bool is_in_force(const std::string& program, std::uint64_t subscription) const {
    const auto found = subscriptions.find(program);
    return found != subscriptions.end() && found->second == subscription;
  }
};

}  // namespace crier::node
