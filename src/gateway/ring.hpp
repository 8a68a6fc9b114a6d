#pragma once

// The recent events of one program, which a feed keeps for clients that reconnect.

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
  std::size_t bytes_max = 1024 * 1024;               ///< Limit on the bodies' bytes.
  std::chrono::milliseconds age_max{5 * 60 * 1000};  ///< Limit on the time since an event came to
                                                     ///< this node.
};

/// Drops all records except the longest unbroken end of the chain.
void keep_chain(std::vector<history::Record>& records);

/// Recent events of one program without a hole: all above start(), up to top().
class Ring {
 public:
  [[nodiscard]] history::Gid start() const { return start_; }
  [[nodiscard]] history::Gid top() const { return top_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// Replaces the contents with the store's: chained records up to `kept.top`, or none.
  void begin(history::Kept kept, TimePoint now);
  /// Adds the program's next event.
  void push(history::Record record, TimePoint now);
  /// Adds the store's older records at the front, if they connect to the ring's.
  void fill(const history::Kept& kept, TimePoint now);
  /// Drops the oldest events beyond the limits.
  void trim(const RingBounds& bounds, TimePoint now);
  void clear() { *this = Ring(); }

  /// The part of the request's answer that the ring holds.
  [[nodiscard]] history::Kept read(const history::ReadRequest& request) const;
  /// The place of the first event above `after`; event_count() if there is none.
  [[nodiscard]] std::size_t place_above(history::Gid after) const;
  [[nodiscard]] std::size_t event_count() const { return entries_.size(); }
  /// The event at a place; places are in gid order. Valid, as places are, until the ring changes.
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
