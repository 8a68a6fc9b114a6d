#pragma once

// The writing side of a store: how events get their numbers.

#include "history/records.hpp"

#include <functional>

namespace crier::history {

/// Append, number, trim, expire, remember the token and publish are one step. Used from one loop's
/// thread; `done` runs there too, exactly once, possibly before the call returns. New appends are
/// reported in gid order.
class EventLog {
 public:
  /// A new event is published to the listener of every node's EventBus, before or after `done`
  /// runs.
  virtual void append(AppendRequest request, Done<Appended> done) = 0;

  /// Whether it answers now. False: append() fails at once with `unavailable`.
  [[nodiscard]] virtual bool available() const = 0;

  /// Calls `call` whenever available() has become true, before anything else is sent to the store
  /// or answered by it. Once.
  virtual void when_available(std::function<void()> call) = 0;

 protected:
  ~EventLog() = default;
};

}  // namespace crier::history
