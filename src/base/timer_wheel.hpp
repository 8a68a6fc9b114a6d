#pragma once

// A timer wheel: the deadlines of all sessions and connections of a worker.

#include "base/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace crier {

/// At most one deadline for each small integer ("slot"), without an object or allocation per
/// timer: one wheel serves all sessions and connections of a worker. Single-threaded; reads no
/// clock.
class TimerWheel {
 public:
  using Slot = std::uint32_t;  ///< Any value but UINT32_MAX; memory grows with the greatest used.

  /// `resolution` is a matter of cost only: deadlines are met exactly.
  explicit TimerWheel(TimePoint start, Duration resolution = std::chrono::milliseconds(1));

  /// Sets or replaces the slot's deadline; `never` cancels. O(1) amortised.
  void set(Slot slot, TimePoint deadline);
  void cancel(Slot slot) { set(slot, never); }

  /// Moves time on to `now` and appends to `due` each slot whose deadline has passed, earliest
  /// first; those slots have no deadline any more.
  void advance(TimePoint now, std::vector<Slot>& due);

  /// When advance() next has something to do: never later than the earliest deadline (it may be
  /// earlier); `never` when no deadline is set.
  [[nodiscard]] TimePoint next() const;

 private:
  // Tick t (a number of resolutions since the start) lies in the bucket that is named by the
  // highest group of 6 bits in which t differs from the current tick: the group's place is the
  // level, its value the index. So buckets of one level are in order, those of a lower level come
  // before those of a higher, and a bucket keeps its name until time reaches it.
  static constexpr unsigned levels = 11;  // 66 bits: any tick
  static constexpr unsigned bucket_bits = 6;
  static constexpr unsigned buckets = 1U << bucket_bits;
  static constexpr Slot no_slot = UINT32_MAX;
  static constexpr std::uint16_t no_bucket = UINT16_MAX;

  struct Entry {
    TimePoint deadline = never;
    Slot next = no_slot;
    Slot previous = no_slot;
    std::uint16_t bucket = no_bucket;  // level × 64 + index of its bucket, also after a cancel
  };
  static_assert(sizeof(Entry) <= 24);

  struct Bucket {
    TimePoint earliest = never;  // no deadline in the bucket is before it
    Slot first = no_slot;
  };

  [[nodiscard]] std::uint64_t tick_of(TimePoint time) const;
  void link(Slot slot);
  void unlink(Slot slot);
  Slot detach(unsigned level, unsigned index);
  void settle(Slot first, TimePoint now, std::vector<Slot>& due);

  TimePoint start_;
  Duration resolution_;
  std::uint64_t tick_ = 0;
  std::size_t armed_ = 0;
  std::vector<Entry> entries_;
  std::array<Bucket, std::size_t{levels} * buckets> wheel_{};
  std::array<std::uint64_t, levels> occupied_{};  // a bit for each bucket of the level
};

}  // namespace crier
