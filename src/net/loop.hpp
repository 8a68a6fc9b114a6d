#pragma once

// The event loop of a thread, and its timers.

#include "base/time.hpp"

#include <functional>
#include <memory>

namespace crier::net {

class LoopBackend;  // the implementation's state, known to net/*.cpp only

/// One event loop; runs on one thread at a time. Everything made on it (timers, listeners,
/// streams, watches) is used and destroyed on that thread, before the loop.
class Loop {
 public:
  Loop();  ///< Throws std::system_error if the system gives no event queue.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs handlers until stop(); each run() consumes one stop(). Handlers must not throw.
  void run();

  /// Makes run() return after the handler in progress and the end of its turn. From any thread; if
  /// it is called before run(), run() returns at once.
  void stop();

  /// Runs `task` on the loop's thread, in the order posted; in the current turn, if its limit on
  /// handlers permits. Besides stop(), the only function for other threads. A task that never ran
  /// is destroyed with the loop.
  void post(std::function<void()> task);

  /// Monotonic time, read now.
  [[nodiscard]] TimePoint now() const;
  /// Monotonic time at which the handler in progress, or the last one, began; before the first,
  /// when the loop was made. The loop reads the clock before each handler: one time holds for all
  /// that a handler does, and none can forget it.
  [[nodiscard]] TimePoint handler_time() const { return handler_time_; }

  /// Runs `handler` at the end of each turn of the loop, after the handlers that were ready (256 at
  /// most), to flush what they queued. There is one handler; an empty one removes it.
  void on_turn_end(std::function<void()> handler);

  /// Continues the current turn while more handlers are ready, up to 64, so that a caller can
  /// collect further events before writing.
  void extend_turn();

  [[nodiscard]] LoopBackend& backend() { return *backend_; }

 private:
  TimePoint handler_time_;  ///< Written by the backend.
  std::unique_ptr<LoopBackend> backend_;
};

/// Calls its handler once at the time it was last armed for.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> handler);
  ~Timer();  ///< Cancels.
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void arm(TimePoint at);  ///< Replaces an earlier time. `never` cancels.
  void cancel();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace crier::net
