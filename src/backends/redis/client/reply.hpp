#pragma once

// What is read out of a server's answers, but for the results of scripts.

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

/// The value of the line `field:…` of INFO; nothing if there is none, or it is empty.
std::optional<std::string> info_of(const redisReply& info, std::string_view field);

/// The policy by which a server with a limit of memory drops keys, from INFO memory; empty: it has
/// no limit, or refuses writes instead.
std::string eviction_of(const redisReply& info);

/// The answer to TIME, in microseconds since 1970.
std::optional<std::uint64_t> time_of(const redisReply& reply);

/// The answer to PING, on a connection with or without subscriptions.
bool is_pong(const redisReply& reply);

/// What a connection with subscriptions is sent besides the answers to its commands.
struct Push {
  enum class Kind : std::uint8_t { message, subscribed, unsubscribed };
  Kind kind;
  std::string_view channel;  ///< Both as long as the reply.
  std::string_view message;
};
/// Push from a channel or from a cluster's channel; nothing if the reply is neither.
std::optional<Push> push_of(const redisReply& reply);

/// Which refusal an error is; empty if none. Redis before 7 wraps an error of a script's command
/// as `ERR Error running script …: -OOM command not allowed …`.
std::string_view refusal_of(const redisReply& error);

/// The text of a refusal, without what a server wraps around it.
std::string refusal_text(const redisReply& error);

/// Outcome of a call of a script.
enum class Answer : std::uint8_t {
  result,
  scripts_lost,  ///< Nothing was done; the script must be loaded first.
  refused,       ///< Nothing was done, nor will be for any other call: the server's state.
  failed,        ///< Nothing was done: this call does not work.
};

Answer answer_of(const redisReply& reply);

}  // namespace crier::redis
