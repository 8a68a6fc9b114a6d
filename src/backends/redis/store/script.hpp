#pragma once

// The three steps that Redis runs as one each: append, read and claim. What they touch is called
// as in names.hpp.

#include "backends/redis/store/names.hpp"
#include "crier/result.hpp"
#include "history/store.hpp"

#include <chrono>
#include <deque>
#include <hiredis/hiredis.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::redis {

/// Lua 5.1 as Redis runs it. The first two start in the same way: unless meta names the `run_id` of
/// this instance and its replication id, has all the numbers that the caller has seen, and is in no
/// epoch that the caller has left, they write a new epoch before anything else. About once a
/// second, append_script() also forgets some of the programs that had no event for
/// remembered_for().
std::string append_script();
std::string read_script();
std::string claim_script();

/// What every call tells the scripts.
struct CallContext {
  std::string run_id;              ///< Run id of the instance at the other end.
  history::Epoch spare_epoch;      ///< Fresh for each call; taken if a new epoch is due.
  history::Gid seen = 0;           ///< The greatest number that this node knows, of any epoch.
  history::Epoch epoch{};          ///< The epoch last seen, or empty,
  history::Gid seen_in_epoch = 0;  ///< and the greatest number known of it.
  std::deque<history::Epoch> left = {};  ///< Epochs that were seen before it.
};

/// Appends that one call carries out, in this order and with neighbouring numbers.
struct AppendBatch {
  std::string id;  ///< Fresh for each batch and kept over its retries, which bring the same result.
  std::chrono::milliseconds id_ttl{};                   ///< For so long.
  std::vector<const history::AppendRequest*> requests;  ///< At most batch_events_max; not empty.
};
constexpr std::size_t batch_events_max = 64;

using AppendResult = Result<history::Appended, history::StoreError>;

/// What follows `EVALSHA sha`: the count of keys, the keys, the arguments.
std::vector<std::string> append_arguments(const Names& names, const CallContext& context,
                                          const history::Retention& retention,
                                          const AppendBatch& batch);
std::vector<std::string> read_arguments(const Names& names, const CallContext& context,
                                        const history::Retention& retention,
                                        const std::vector<history::ReadRequest>& requests);
std::vector<std::string> claim_arguments(const Names& names, const history::Retention& retention,
                                         const std::vector<std::string>& sids);

/// One result a request, in their order; nothing if the reply is not of the script's shape. Errors:
/// `token_taken`, and `unavailable` where the program's key, numbers or channel are not Crier's.
std::optional<std::vector<AppendResult>> append_results(const redisReply& reply,
                                                        const AppendBatch& batch);
/// Likewise. An entry of a set that is not an event of Crier, or is out of place, is passed over:
/// the chain of `prev` shows what is missing.
std::optional<history::ReadReply> read_result(const redisReply& reply,
                                              const std::vector<history::ReadRequest>& requests);
/// One fence a claim; nothing unless each is a number.
std::optional<std::vector<history::Fence>> claim_results(const redisReply& reply,
                                                         std::size_t count);
/// Fences in the reply to MGET for `count` keys of claims. What is no number counts as never
/// claimed.
std::optional<std::vector<history::Fence>> fences_result(const redisReply& reply,
                                                         std::size_t count);

}  // namespace crier::redis
