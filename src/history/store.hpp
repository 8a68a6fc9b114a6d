#pragma once

// Where events are kept for catch-up. Implementations: MemoryStore (here) and backends/redis/store.
// All pass the same contract suite (tests/contract/).

#include "history/claims.hpp"
#include "history/event_bus.hpp"
#include "history/event_log.hpp"

#include <chrono>
#include <string>

namespace crier::history {

/// What an operator should know of a store.
struct StoreHealth {
  /// By how much its clock was ahead of this machine's when it was asked last.
  std::chrono::microseconds clock_offset{};
  /// The policy by which it may drop, before their time, what it was to keep; empty: it does not.
  std::string eviction;
  friend bool operator==(const StoreHealth&, const StoreHealth&) = default;
};

/// The part of a store that each worker uses. Calls that are open when it is destroyed are dropped
/// unanswered.
class HistoryView : public EventBus, public Claims {
 public:
  virtual ~HistoryView() = default;
  [[nodiscard]] virtual StoreHealth health() const = 0;
};

/// A whole store, used from one loop's thread.
class HistoryStore : public HistoryView, public EventLog {
 public:
  [[nodiscard]] bool available() const override = 0;
};

}  // namespace crier::history
