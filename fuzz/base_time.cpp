// Fuzzes the parser of times, which come from clients (`auth.lastEventTimestamp`) and imported
// files: a time that is read and written again is the same millisecond.
#include "base/assert.hpp"
#include "base/time.hpp"
#include "one_input.hpp"

void one_input(std::string_view input, std::size_t split) {
  (void)split;
  const auto time = crier::parse_time(input);
  if (!time) return;
  constexpr crier::WallTime last = 253402300799999'999;  // of the year 9999
  if (*time < -62167219200000'000 || *time > last) return;
  const crier::WallTime part = *time % 1000;
  const crier::WallTime whole = *time - (part < 0 ? part + 1000 : part);
  CRIER_ASSERT(crier::parse_time(crier::iso8601(whole / 1000)) == whole);
}
