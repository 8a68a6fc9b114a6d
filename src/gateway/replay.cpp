// Merges the programs' rings into one sequence by gid.

#include "gateway/replay.hpp"

#include "base/assert.hpp"
#include "history/verdict.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace crier::gateway {

using history::Gid;
using history::Record;

namespace {

/// The next event of one program.
struct Next {
  const Record* record;
  const Ring* ring;
  std::size_t place;
};

constexpr std::size_t few_events = 8;  // most clients have missed no more

/// The order for a heap with the lowest number on top.
bool comes_later(const Next& a, const Next& b) { return a.record->gid > b.record->gid; }

/// The events of several rings up to a number, lowest first.
class Merge {
 public:
  explicit Merge(Gid last) : last_(last) {}

  /// Adds the ring's events from this place on.
  void add(const Ring& ring, std::size_t place) {
    if (place == ring.event_count() || ring.event(place).gid > last_) return;
    heap_.push_back({&ring.event(place), &ring, place});
    std::ranges::push_heap(heap_, comes_later);
  }
  [[nodiscard]] bool is_over() const { return heap_.empty(); }
  [[nodiscard]] const Record& next() const { return *heap_.front().record; }
  void advance() {
    std::ranges::pop_heap(heap_, comes_later);
    const Next taken = heap_.back();
    heap_.pop_back();
    add(*taken.ring, taken.place + 1);
  }

 private:
  Gid last_;
  std::vector<Next> heap_;
};

}  // namespace

Replay::Replay(Positions positions)
    : after_(std::move(positions.after)), snapshot_(positions.snapshot) {}

Gid Replay::after(std::size_t program) const {
  return after_.empty() ? position_ : std::max(position_, after_[program]);
}

Pull Replay::pull(std::span<const Ring* const> rings, std::size_t room, std::size_t alone) {
  CRIER_ASSERT(after_.empty() || after_.size() == rings.size());
  Merge merge(beyond_snapshot_ ? std::numeric_limits<Gid>::max() : snapshot_);
  for (std::size_t i = 0; i < rings.size(); ++i) {
    if (rings[i] == nullptr || rings[i]->start() > after(i)) return {{}, Pull::End::lost};
    if (rings[i]->top() > after(i)) merge.add(*rings[i], rings[i]->place_above(after(i)));
  }
  Pull pull;
  pull.events.reserve(few_events);
  std::size_t bytes = 0;
  for (; !merge.is_over(); merge.advance()) {
    const Record& next = merge.next();
    const std::size_t size = event_bytes + next.body.size();
    if (bytes + size > (bytes == 0 ? std::max(room, alone) : room)) return pull;
    position_ = std::max(position_, next.gid);
    if (history::is_gap_marker(next)) continue;
    pull.events.push_back(next);
    bytes += size;
  }
  pull.end = beyond_snapshot_ ? Pull::End::top : Pull::End::snapshot;
  if (!std::exchange(beyond_snapshot_, true)) {
    position_ = std::max(position_, snapshot_);
    after_ = {};
  }
  return pull;
}

}  // namespace crier::gateway
