// Implements the hierarchical timer wheel.

#include "base/timer_wheel.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace crier {

TimerWheel::TimerWheel(TimePoint start, Duration resolution)
    : start_(start), resolution_(resolution) {
  CRIER_ASSERT(resolution > Duration::zero());
}

std::uint64_t TimerWheel::tick_of(TimePoint time) const {
  if (time <= start_) return tick_;
  return std::max(static_cast<std::uint64_t>((time - start_) / resolution_), tick_);
}

void TimerWheel::set(Slot slot, TimePoint deadline) {
  CRIER_ASSERT(slot != no_slot);
  if (slot >= entries_.size()) {
    if (deadline == never) return;
    entries_.resize(std::size_t{slot} + 1);
  }
  Entry& entry = entries_[slot];
  if (entry.deadline != never) --armed_;
  if (deadline != never) ++armed_;
  entry.deadline = deadline;

  // Lazy: an entry whose bucket comes no later than the new deadline stays there and is checked
  // again when the bucket is due. A cancel or a later deadline thus changes only the entry itself.
  if (deadline == never) return;
  if (entry.bucket != no_bucket) {
    if (wheel_[entry.bucket].earliest <= deadline) return;
    unlink(slot);
  }
  link(slot);
}

void TimerWheel::link(Slot slot) {
  Entry& entry = entries_[slot];
  const std::uint64_t tick = tick_of(entry.deadline);
  const unsigned level =
      static_cast<unsigned>(std::bit_width((tick ^ tick_) | 1U) - 1) / bucket_bits;
  const auto index = static_cast<unsigned>(tick >> (level * bucket_bits)) % buckets;
  entry.bucket = static_cast<std::uint16_t>(level * buckets + index);
  Bucket& bucket = wheel_[entry.bucket];
  bucket.earliest = std::min(bucket.earliest, entry.deadline);
  entry.previous = no_slot;
  entry.next = bucket.first;
  if (entry.next != no_slot) entries_[entry.next].previous = slot;
  bucket.first = slot;
  occupied_[level] |= std::uint64_t{1} << index;
}

void TimerWheel::unlink(Slot slot) {
  Entry& entry = entries_[slot];
  Bucket& bucket = wheel_[entry.bucket];
  if (entry.next != no_slot) entries_[entry.next].previous = entry.previous;
  if (entry.previous != no_slot) {
    entries_[entry.previous].next = entry.next;
  } else {
    bucket.first = entry.next;
  }
  if (bucket.first == no_slot) detach(entry.bucket / buckets, entry.bucket % buckets);
  entry.bucket = no_bucket;
}

/// Empties a bucket and returns the first of the entries that were chained in it.
TimerWheel::Slot TimerWheel::detach(unsigned level, unsigned index) {
  occupied_[level] &= ~(std::uint64_t{1} << index);
  return std::exchange(wheel_[level * buckets + index], Bucket{}).first;
}

/// Sorts the entries of a detached chain into those that are due, cancelled or later.
void TimerWheel::settle(Slot first, TimePoint now, std::vector<Slot>& due) {
  while (first != no_slot) {
    const Slot slot = first;
    Entry& entry = entries_[slot];
    first = entry.next;
    entry.bucket = no_bucket;
    if (entry.deadline == never) continue;
    if (entry.deadline <= now) {
      due.push_back(slot);
    } else {
      link(slot);
    }
  }
}

void TimerWheel::advance(TimePoint now, std::vector<Slot>& due) {
  const std::size_t first_due = due.size();
  const std::uint64_t before = tick_;
  tick_ = tick_of(now);
  for (unsigned level = 0; level < levels; ++level) {
    const unsigned shift = level * bucket_bits;
    if (level > 0 && before >> shift == tick_ >> shift) break;
    const auto index = static_cast<unsigned>(tick_ >> shift) % buckets;
    const bool passed_all =
        level + 1 < levels && before >> (shift + bucket_bits) != tick_ >> (shift + bucket_bits);
    std::uint64_t reached = occupied_[level];
    if (!passed_all) reached &= ~std::uint64_t{0} >> (buckets - 1 - index);
    for (; reached != 0; reached &= reached - 1) {
      const auto i = static_cast<unsigned>(std::countr_zero(reached));
      // The current tick has begun, yet its deadlines may still be ahead.
      if (level == 0 && wheel_[i].earliest > now) continue;
      settle(detach(level, i), now, due);
    }
  }
  const auto begin = due.begin() + static_cast<std::ptrdiff_t>(first_due);
  std::sort(begin, due.end(), [this](Slot a, Slot b) {
    return std::pair(entries_[a].deadline, a) < std::pair(entries_[b].deadline, b);
  });
  std::for_each(begin, due.end(), [this](Slot slot) { entries_[slot].deadline = never; });
  armed_ -= due.size() - first_due;
}

TimePoint TimerWheel::next() const {
  if (armed_ == 0) return never;
  for (unsigned level = 0; level < levels; ++level) {
    if (occupied_[level] == 0) continue;
    const auto index = static_cast<unsigned>(std::countr_zero(occupied_[level]));
    return wheel_[level * buckets + index].earliest;
  }
  return never;
}

}  // namespace crier
