#include "history/verdict.hpp"

#include <algorithm>

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
  if (cursor < floor || kept.broken) return false;
  if (std::ranges::any_of(kept.records, is_gap_marker)) return false;
  if (kept.records.empty()) return kept.top <= cursor;
  return kept.records.front().prev <= cursor;
}

}  // namespace crier::history
