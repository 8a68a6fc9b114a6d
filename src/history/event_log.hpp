#pragma once

// The writing side of a store: how events get their numbers.

#include "history/records.hpp"

#include <functional>

namespace crier::history {

/// Appends events. To append, number, trim, expire, remember the token and publish is one atomic
/// step. Used from one loop's thread; `done` runs there too, exactly once, possibly before the call
/// returns. New appends are reported in gid order.
class EventLog {
 public:
  /// A new event is published to the listener of every node's EventBus, before or after `done`
  /// runs.
  virtual void append(AppendRequest request, Done<Appended> done) = 0;

  /// Whether the store answers now. False: append() fails at once with `unavailable`.
  [[nodiscard]] virtual bool available() const = 0;

  /// Sets `call`, which runs whenever available() becomes true, before anything else is sent to the
  /// store or answered by it. Call this once.
  virtual void when_available(std::function<void()> call) = 0;

 protected:
  ~EventLog() = default;
};

}  // namespace crier::history
