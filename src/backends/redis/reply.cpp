#include "backends/redis/reply.hpp"

#include <algorithm>

namespace crier::redis {

std::optional<std::string_view> string_of(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_STRING) return std::nullopt;
  return std::string_view(reply.str, static_cast<std::size_t>(reply.len));
}

std::optional<std::string> run_id_of(const redisReply& info) {
  const auto text = string_of(info);
  if (!text) return std::nullopt;
  constexpr std::string_view name = "run_id:";
  const std::size_t at = text->find(name);
  if (at == std::string_view::npos) return std::nullopt;
  const std::size_t begin = at + name.size();
  const std::size_t end = std::min(text->find_first_of("\r\n", begin), text->size());
  if (end == begin) return std::nullopt;
  return std::string(text->substr(begin, end - begin));
}

bool is_pong(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_STATUS) {
    return std::string_view(reply.str, static_cast<std::size_t>(reply.len)) == "PONG";
  }
  return reply.type == REDIS_REPLY_ARRAY && reply.elements == 2 &&
         string_of(*reply.element[0]) == "pong";
}

std::optional<Push> push_of(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 3) return std::nullopt;
  const auto word = string_of(*reply.element[0]);
  const auto channel = string_of(*reply.element[1]);
  if (!word || !channel) return std::nullopt;
  if (word == "message" || word == "smessage") {
    const auto message = string_of(*reply.element[2]);
    if (!message) return std::nullopt;
    return Push{Push::Kind::message, *channel, *message};
  }
  if (reply.element[2]->type != REDIS_REPLY_INTEGER) return std::nullopt;
  if (word == "subscribe" || word == "ssubscribe")
    return Push{Push::Kind::subscribed, *channel, {}};
  if (word == "unsubscribe" || word == "sunsubscribe") {
    return Push{Push::Kind::unsubscribed, *channel, {}};
  }
  return std::nullopt;
}

}  // namespace crier::redis
