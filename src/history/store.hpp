#pragma once

// The whole interface of a history store, which keeps events for catch-up. Implementations:
// MemoryStore (here) and backends/redis/store. All pass the same contract suite (tests/contract/).

#include "history/claims.hpp"
#include "history/event_bus.hpp"
#include "history/event_log.hpp"

#include <chrono>
#include <string>

namespace crier::history {

/// A store's condition, for the operator.
struct StoreHealth {
  /// How far the store's clock was ahead of this machine's at the last query.
  std::chrono::microseconds clock_offset{};
  /// The store's eviction policy, if it may drop events early; empty: it does not.
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
