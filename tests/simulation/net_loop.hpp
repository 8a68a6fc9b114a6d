#pragma once

// What the simulated files of net/ share behind its headers.

#include "net/loop.hpp"
#include "world.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

namespace crier::net {

/// A loop's queue of handlers that are ready. Timers and connections hold it while they may still
/// be told something.
class LoopState : public std::enable_shared_from_this<LoopState> {
 public:
  LoopState();

  /// Runs `handler` in a turn to come, in the order of the calls.
  void enqueue(std::function<void()> handler);
  void on_turn_end(std::function<void()> handler);
  void close();

  simulation::World& world;
  simulation::Host& host;
  bool stopping = false;

 private:
  [[nodiscard]] TimePoint frozen_until() const;
  void schedule();
  void turn();
  void end_turn();

  simulation::Dice dice_;
  std::size_t thread_;
  std::deque<std::function<void()>> ready_;
  bool scheduled_ = false;
  bool closed_ = false;
  std::function<void()> turn_end_;
  bool turn_end_replaced_ = false;
};

class LoopBackend {
 public:
  std::shared_ptr<LoopState> state = std::make_shared<LoopState>();
};

}  // namespace crier::net
