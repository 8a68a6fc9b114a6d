// Fuzzes a connection with subscriptions, on which any client of that Redis can publish: in any
// order, cut anywhere, the bytes are a push with its parts, an answer, or not Redis protocol; and
// an accepted claim or event of a program is valid.
#include "backends/redis/client/reply.hpp"
#include "backends/redis/store/member.hpp"
#include "base/assert.hpp"
#include "base/names.hpp"
#include "one_input.hpp"

#include <memory>

namespace {

struct Free {
  void operator()(redisReader* reader) const { redisReaderFree(reader); }
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

void check(const redisReply& reply) {
  const auto run_id = crier::redis::run_id_of(reply);
  CRIER_ASSERT(!run_id || (!run_id->empty() && run_id->find('\n') == std::string::npos));
  const auto push = crier::redis::push_of(reply);
  if (!push) return;
  CRIER_ASSERT(reply.elements == 3 && !crier::redis::is_pong(reply));
  CRIER_ASSERT(push->channel.data() == reply.element[1]->str);
  const auto claim = crier::redis::decode_claim(push->message);
  CRIER_ASSERT(!claim || (crier::is_name(claim->sid) && claim->fence < (1ULL << 53U)));
  const auto event = crier::redis::decode_bus_message(push->message);
  CRIER_ASSERT(!event || (crier::is_name(event->program) && !claim));
}

/// Reads all replies in `piece`. False if no more can be read.
bool read_all(redisReader& reader, std::string_view piece) {
  if (redisReaderFeed(&reader, piece.data(), piece.size()) != REDIS_OK) return false;
  while (true) {
    void* raw = nullptr;
    if (redisReaderGetReply(&reader, &raw) != REDIS_OK) return false;
    const std::unique_ptr<redisReply, Free> reply(static_cast<redisReply*>(raw));
    if (reply == nullptr) return true;
    check(*reply);
  }
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  const std::unique_ptr<redisReader, Free> reader(redisReaderCreate());
  CRIER_ASSERT(reader != nullptr);
  if (read_all(*reader, input.substr(0, split))) read_all(*reader, input.substr(split));
  // Tries the texts without their wrapping, so that the fuzzer finds their forms sooner.
  const auto claim = crier::redis::decode_claim(input);
  CRIER_ASSERT(!claim || crier::is_name(claim->sid));
}
