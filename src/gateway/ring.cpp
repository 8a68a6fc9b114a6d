// Implements the ring of a program's recent events.

#include "gateway/ring.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace crier::gateway {

using history::Gid;
using history::Kept;
using history::Record;

void keep_chain(std::vector<Record>& records) {
  for (std::size_t i = records.size(); i > 1; --i) {
    if (records[i - 1].prev == records[i - 2].gid) continue;
    records.erase(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(i - 1));
    return;
  }
}

void Ring::begin(Kept kept, TimePoint now) {
  clear();
  start_ = kept.records.empty() ? kept.top : kept.records.front().prev;
  top_ = start_;
  for (Record& record : kept.records) push(std::move(record), now);
  top_ = std::max(top_, kept.top);
}

void Ring::push(Record record, TimePoint now) {
  top_ = record.gid;
  bytes_ += record.body.size();
  entries_.push_back({std::move(record), now});
}

void Ring::fill(const Kept& kept, TimePoint now) {
  const Gid end = entries_.empty() ? top_ + 1 : entries_.front().record.gid;
  const auto last = std::ranges::lower_bound(kept.records, end, {}, &Record::gid);
  if (last == kept.records.begin() || kept.records.front().prev >= start_) return;
  const Gid link = entries_.empty() ? top_ : entries_.front().record.prev;
  if (std::prev(last)->gid != link) return;
  std::deque<Entry> older;
  for (auto at = kept.records.begin(); at != last; ++at) {
    older.push_back({*at, now});
    bytes_ += at->body.size();
  }
  start_ = kept.records.front().prev;
  std::ranges::move(entries_, std::back_inserter(older));
  entries_ = std::move(older);
}

void Ring::trim(const RingBounds& bounds, TimePoint now) {
  while (!entries_.empty() && (entries_.size() > bounds.events_max || bytes_ > bounds.bytes_max ||
                               now - entries_.front().since > bounds.age_max)) {
    start_ = entries_.front().record.gid;
    bytes_ -= entries_.front().record.body.size();
    entries_.pop_front();
  }
}

std::deque<Ring::Entry>::const_iterator Ring::above(Gid gid) const {
  return std::ranges::upper_bound(entries_, gid, {},
                                  [](const Entry& entry) { return entry.record.gid; });
}

std::size_t Ring::place_above(Gid after) const {
  return static_cast<std::size_t>(above(after) - entries_.begin());
}

Kept Ring::read(const history::ReadRequest& request) const {
  Kept kept{request.program, top_, {}};
  auto from = above(request.after);
  const auto count = entries_.end() - from;
  if (request.newest_max != 0 && count > request.newest_max) from += count - request.newest_max;
  kept.records.reserve(static_cast<std::size_t>(entries_.end() - from));
  for (; from != entries_.end(); ++from) kept.records.push_back(from->record);
  return kept;
}

}  // namespace crier::gateway
