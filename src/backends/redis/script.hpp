#pragma once

// The two steps that Redis runs as one each: append and read. What is stored where:
//
//   socket:events:meta                hash without TTL: run_id, epoch, last, floor, and for each
//                                     program `program:{programId}` = `seq top bytes`
//   socket:events:program:{programId} sorted set: score gid, member as in member.hpp
//   socket:events:token:{n}:{programId}:{token}
//                                     the result of an append, for as long as the token counts;
//                                     n is the name's length in bytes
//   socket:events:bus                 channel; `socket:events:bus:{db}` unless the database is 0,
//                                     because channels are shared by all databases

#include "history/store.hpp"

#include <chrono>
#include <hiredis/hiredis.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::redis {

constexpr std::string_view meta_key = "socket:events:meta";

/// Lua 5.1 as Redis runs it. Both start in the same way: unless meta names the `run_id` of this
/// instance, they write a new epoch before anything else.
std::string append_script();
std::string read_script();

std::string program_key(std::string_view program);
std::string token_key(std::string_view program, std::string_view token);
std::string bus_channel(unsigned database);

/// What every call tells the scripts.
struct CallContext {
  std::string run_id;          ///< Of the instance at the other end of the connection.
  history::Epoch spare_epoch;  ///< Fresh for each call; taken if a new epoch is due.
  history::Gid seen = 0;       ///< The greatest number that this node knows; new ones are above it.
};

struct AppendCall {
  const history::AppendRequest* request = nullptr;  ///< With a token.
  std::string call;  ///< Fresh for each call and kept over its retries: tells them from a repeat.
  std::chrono::milliseconds token_ttl{};
  unsigned database = 0;
};

/// What follows `EVALSHA sha`: the count of keys, the keys, the arguments.
std::vector<std::string> append_arguments(const CallContext& context,
                                          const history::Retention& retention,
                                          const AppendCall& append);
std::vector<std::string> read_arguments(const CallContext& context,
                                        const history::Retention& retention,
                                        const std::vector<history::ReadRequest>& requests);

/// Nothing if the reply is not of the script's shape. An entry of a set that is not an event of
/// Crier, or is out of place, is passed over: the chain of `prev` shows what is missing.
std::optional<history::Appended> append_result(const redisReply& reply, std::string_view call);
std::optional<history::ReadReply> read_result(const redisReply& reply,
                                              const std::vector<history::ReadRequest>& requests);

}  // namespace crier::redis
