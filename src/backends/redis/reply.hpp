#pragma once

// What is read out of a server's answers that are not those of a script.

#include <cstdint>
#include <hiredis/hiredis.h>
#include <optional>
#include <string>
#include <string_view>

namespace crier::redis {

/// The text of a string answer; nothing for any other.
std::optional<std::string_view> string_of(const redisReply& reply);

/// The value of the line `run_id:…` of INFO: names one life of one server.
std::optional<std::string> run_id_of(const redisReply& info);

/// The answer to PING, on a connection with or without subscriptions.
bool is_pong(const redisReply& reply);

/// What a connection with subscriptions is sent besides the answers to its commands.
struct Push {
  enum class Kind : std::uint8_t { message, subscribed, unsubscribed };
  Kind kind;
  std::string_view channel;  ///< Both as long as the reply.
  std::string_view message;
};
/// Of a channel or of a cluster's channel; nothing if the reply is neither.
std::optional<Push> push_of(const redisReply& reply);

}  // namespace crier::redis
