// Fuzzes the parser of event ids, which come from clients (`auth.lastEventId`, the offset of a
// CONNECT): an accepted id must be exactly what Crier would have written.
#include "base/assert.hpp"
#include "history/numbers.hpp"
#include "one_input.hpp"

void one_input(std::string_view input, std::size_t split) {
  (void)split;
  const auto id = crier::history::parse_event_id(input);
  if (!id) return;
  CRIER_ASSERT(crier::history::is_epoch(id->epoch));
  CRIER_ASSERT(crier::history::event_id(id->epoch, id->gid) == input);
}
