// Implements the decision whether a program is whole for a cursor.

#include "history/verdict.hpp"

#include <algorithm>
#include <cstddef>

namespace crier::history {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::recovered:
      return "recovered";
    case Verdict::gap:
      return "gap";
    case Verdict::reset:
      return "reset";
    case Verdict::joined:
      return "joined";
    case Verdict::left:
      return "left";
  }
  return {};
}

bool is_gap_marker(const Record& record) { return record.body.view() == gap_marker; }

bool is_whole(const Kept& kept, Gid cursor, Gid floor) {
  return is_whole(kept, cursor, floor, kept.records.size());
}

bool is_whole(const Kept& kept, Gid cursor, Gid floor, std::size_t newest_max) {
  if (cursor < floor || kept.broken) return false;
  const auto end = kept.records.end();
  auto first = std::ranges::upper_bound(kept.records, cursor, {}, &Record::gid);
  first = end - std::min<std::ptrdiff_t>(end - first, static_cast<std::ptrdiff_t>(newest_max));
  if (std::any_of(first, end, is_gap_marker)) return false;
  if (first == end) return kept.top <= cursor;
  return first->prev <= cursor;
}

}  // namespace crier::history
