#pragma once

// History in Redis: one sorted set a program and one hash without TTL for the epoch, run_id,
// replid, last gid and each program's (seq, top_gid); appended and read by Lua scripts, so that
// each is one step, and published on a channel a program in the same step. names.hpp lists keys and
// channels. Works with Redis 6.2 and later, and Valkey.

#include "backends/redis/client/connection.hpp"
#include "base/random.hpp"
#include "crier/log.hpp"
#include "history/store.hpp"
#include "net/loop.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace crier::redis {

struct Options {
  ConnectionOptions connection = {};
  std::chrono::milliseconds append_deadline{5000};  ///< For an append whose outcome is unknown.
  std::chrono::microseconds append_window{100};     ///< Maximum time an append waits for its batch.
};

/// Fails when the URL is not understood: one sentence, without the password. Connects in the
/// background; available() tells. Events and claims are heard over a second connection, made by
/// listen(); should the two turn out to lead to two servers, both are given up and tried again.
/// Appends of one turn of the loop leave as one call; those that come while others are under way
/// wait for their answer, at most `append_window`, and leave together then. An append whose outcome
/// the connection's loss left unknown is tried again when Redis is back, before any newer one,
/// until `append_deadline`. `log` hears once of each outage of either connection, and once of its
/// end. What the Redis user must be allowed is listed in docs/operations.md.
Result<std::unique_ptr<history::HistoryStore>, std::string> open_history(
    net::Loop& loop, const Options& options, const history::Retention& retention, Random random,
    LogSink log);

}  // namespace crier::redis
