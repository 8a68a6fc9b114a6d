#pragma once

// Finds the Redis server to use with Sentinel or in a cluster.

#include "backends/redis/client/connection.hpp"
#include "backends/redis/client/url.hpp"
#include "base/random.hpp"
#include "net/loop.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace crier::redis {

/// Where the search for a server led.
struct Found {
  Host server;
  std::vector<Host> nodes;  ///< Nodes of a cluster that may be asked next time.
};

/// One search for the server that a URL means: asks Sentinels, or nodes of a cluster, one after the
/// other until one of them knows. Used and destroyed on the loop's thread.
class Discovery final : private ConnectionUser {
 public:
  /// Called once, never from the constructor; may destroy the discovery.
  using Done = std::function<void(Result<Found, std::string>)>;

  /// `url` is not of form single. Asks `nodes`, of which there is at least one, in their order.
  Discovery(net::Loop& loop, const Url& url, std::vector<Host> nodes,
            const ConnectionOptions& options, Random& random, Done done);

 private:
  void on_connected() override;
  void on_lost(const std::string& why) override;
  void ask_next();
  void on_answer(const redisReply& reply);
  void finish(Result<Found, std::string> result);

  net::Loop& loop_;
  const Url url_;
  const std::vector<Host> nodes_;
  const ConnectionOptions options_;
  Random& random_;
  Done done_;
  std::size_t next_ = 0;  ///< The node that is asked after the one being asked.
  std::unique_ptr<Connection> asking_;
};

}  // namespace crier::redis
