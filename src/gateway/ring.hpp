#pragma once

#include "base/time.hpp"
#include "history/store.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace crier::gateway {

struct RingBounds {
  std::uint32_t events_max = 1000;
  std::size_t bytes_max = 1024 * 1024;               ///< Of bodies.
  std::chrono::milliseconds age_max{5 * 60 * 1000};  ///< Since an event came to this node.
};

/// Leaves the longest unbroken end of the chain.
void keep_chain(std::vector<history::Record>& records);

/// Recent events of one program without a hole: all above start(), up to top().
class Ring {
 public:
  [[nodiscard]] history::Gid start() const { return start_; }
  [[nodiscard]] history::Gid top() const { return top_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// Begins anew with what the store keeps: chained records up to `kept.top`, or none.
  void begin(history::Kept kept, TimePoint now);
  /// The program's next event.
  void push(history::Record record, TimePoint now);
  /// Sets the store's older records in front, if they join on.
  void fill(const history::Kept& kept, TimePoint now);
  /// Drops the oldest as the bounds want.
  void trim(const RingBounds& bounds, TimePoint now);
  void clear() { *this = Ring(); }

  /// What is held of what the request asks for.
  [[nodiscard]] history::Kept read(const history::ReadRequest& request) const;
  /// Where the events above `after` begin; event_count(): there are none.
  [[nodiscard]] std::size_t place_above(history::Gid after) const;
  [[nodiscard]] std::size_t event_count() const { return entries_.size(); }
  /// In gid order. Good until the ring changes, as places are.
  [[nodiscard]] const history::Record& event(std::size_t place) const {
    return entries_[place].record;
  }

 private:
  struct Entry {
    history::Record record;
    TimePoint since;
  };
  [[nodiscard]] std::deque<Entry>::const_iterator above(history::Gid gid) const;

  history::Gid start_ = 0;
  history::Gid top_ = 0;
  std::size_t bytes_ = 0;
  std::deque<Entry> entries_;
};

}  // namespace crier::gateway
