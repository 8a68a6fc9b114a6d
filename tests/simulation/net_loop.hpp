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
  /// Keeps the time at which each handler began in `handler_time`, until close().
  explicit LoopState(TimePoint& handler_time);

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

  TimePoint& handler_time_;
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
  explicit LoopBackend(TimePoint& handler_time)
      : state(std::make_shared<LoopState>(handler_time)) {}
  std::shared_ptr<LoopState> state;
};

}  // namespace crier::net
