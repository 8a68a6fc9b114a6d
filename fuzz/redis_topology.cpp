// Fuzzes the answers in which servers name each other, which decide where to connect: the results
// are valid addresses, whatever the input.
#include "backends/redis/client/topology.hpp"
#include "base/assert.hpp"
#include "one_input.hpp"

#include <algorithm>
#include <memory>

namespace {

using namespace crier::redis;

/// Whether an array of a thousand or more is announced, for which the reader allocates at once.
bool announces_much(std::string_view bytes) {
  for (std::size_t at = bytes.find('*'); at != bytes.npos; at = bytes.find('*', at + 1)) {
    const std::size_t end = bytes.find_first_not_of("0123456789", at + 1);
    if (std::min(end, bytes.size()) - at > 4) return true;
  }
  return false;
}

void check(const Host& node) { CRIER_ASSERT(is_host(node.name) && node.port != 0); }

void check(const redisReply& reply) {
  if (const auto master = master_of(reply)) check(*master);
  for (const unsigned slot : {0U, slot_of(hash_tag), 16383U}) {
    const auto owner = owner_of(slot, reply, {"asked", 1});
    if (!owner) continue;
    check(owner->primary);
    CRIER_ASSERT(owner->nodes.size() <= nodes_max);
    for (const Host& node : owner->nodes) check(node);
  }
  CRIER_ASSERT(!is_master(reply) || reply.elements > 0);
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  if (announces_much(input)) return;
  const std::unique_ptr<redisReader, decltype(&redisReaderFree)> reader(redisReaderCreate(),
                                                                        &redisReaderFree);
  split = std::min(split, input.size());
  redisReaderFeed(reader.get(), input.data(), split);
  redisReaderFeed(reader.get(), input.data() + split, input.size() - split);
  void* raw = nullptr;
  while (redisReaderGetReply(reader.get(), &raw) == REDIS_OK && raw != nullptr) {
    check(*static_cast<redisReply*>(raw));
    freeReplyObject(raw);
    raw = nullptr;
  }
}
