// Fuzzes the members of a sorted set and the messages of the bus, which any client of that Redis
// can write: an accepted one must have plausible numbers and an envelope that a client can parse.
#include "backends/redis/store/member.hpp"
#include "base/assert.hpp"
#include "base/encoding.hpp"
#include "base/json_text.hpp"
#include "base/names.hpp"
#include "one_input.hpp"

namespace {

void check(const crier::history::Record& record, std::string_view input) {
  CRIER_ASSERT(record.seq >= 1 && record.prev < record.gid && record.gid < (1ULL << 53U));
  const std::string_view body = record.body.view();
  CRIER_ASSERT(body.starts_with('{') && crier::json::is_valid(body) && crier::is_utf8(body));
  CRIER_ASSERT(input.ends_with(std::string(body) + "}"));
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  (void)split;
  if (const auto record = crier::redis::decode_member(input)) {
    check(*record, input);
    CRIER_ASSERT(crier::json::is_valid(input));
  }
  if (const auto message = crier::redis::decode_bus_message(input)) {
    check(message->record, input);
    CRIER_ASSERT(crier::history::is_epoch(message->epoch) && crier::is_name(message->program));
    CRIER_ASSERT(crier::json::is_valid(input));
  }
}
