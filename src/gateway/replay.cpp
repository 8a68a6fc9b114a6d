#include "gateway/replay.hpp"

#include <algorithm>

namespace crier::gateway {

namespace {

/// How many of the events that are kept show this millisecond, counting those that have been
/// trimmed away but are still named by their successor.
std::size_t sharing(const history::ReadReply& reply, std::int64_t timestamp_ms) {
  std::size_t count = 0;
  for (const auto& kept : reply.programs) {
    for (const auto& record : kept.records) {
      if (history::milliseconds(record.gid) != timestamp_ms) break;
      if (&record == &kept.records.front() && history::milliseconds(record.prev) == timestamp_ms) {
        ++count;
      }
      ++count;
    }
  }
  return count;
}

}  // namespace

std::vector<history::ReadRequest> replay_reads(const std::vector<std::string>& programs,
                                               std::int64_t timestamp_ms,
                                               std::uint32_t events_max) {
  const auto from = static_cast<history::Gid>(std::max<std::int64_t>(timestamp_ms, 0)) * 1000;
  std::vector<history::ReadRequest> reads;
  reads.reserve(programs.size());
  for (const auto& program : programs) {
    reads.push_back({program, from == 0 ? 0 : from - 1, events_max + 1});
  }
  return reads;
}

std::vector<Replayed> replay(const history::ReadReply& reply, std::int64_t timestamp_ms,
                             std::uint32_t events_max) {
  const bool again = sharing(reply, timestamp_ms) > 1;
  std::vector<Replayed> events;
  for (const auto& kept : reply.programs) {
    const auto& records = kept.records;
    auto first = records.begin();
    if (!again) {
      while (first != records.end() && history::milliseconds(first->gid) <= timestamp_ms) ++first;
    }
    if (records.end() - first > static_cast<std::ptrdiff_t>(events_max)) {
      first = records.end() - static_cast<std::ptrdiff_t>(events_max);
    }
    for (; first != records.end(); ++first) events.push_back({first->gid, first->body});
  }
  std::sort(events.begin(), events.end(),
            [](const Replayed& a, const Replayed& b) { return a.gid < b.gid; });
  return events;
}

}  // namespace crier::gateway
