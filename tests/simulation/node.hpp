#pragma once

// One gateway process on simulated loops.

#include "access/membership.hpp"
#include "crier/gateway.hpp"
#include "history/store.hpp"
#include "node/node.hpp"
#include "world.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace crier::simulation {

constexpr std::string_view jwt_secret = "simulated";

class Node {
 public:
  struct Parts {
    std::function<std::unique_ptr<access::MembershipSource>(net::Loop&)> memberships;
    std::function<std::unique_ptr<history::HistoryStore>(net::Loop&)> history;
    std::function<WallTime()> wall_clock;
    std::chrono::milliseconds check_interval{5'000};  ///< Of the feed with the store.
    std::unique_ptr<node::OwedRecord> owed = {};
  };
  Node(World& world, Host& host, const GatewayOptions& options, Parts parts);

  [[nodiscard]] std::uint16_t port() const { return node_.port(); }
  /// Ids of all sockets that it has now.
  [[nodiscard]] std::vector<std::string> socket_ids() const { return node_.socket_ids(); }
  /// Takes it down in order, as SIGTERM does.
  void begin_stop() { node_.stop(); }
  /// Publishes in a turn of a loop of its own.
  void publish(std::string program, std::string body, std::string token,
               std::function<void(Result<Position>)> done) {
    node_.publish(std::move(program), std::move(body), std::move(token), std::move(done));
  }

 private:
  std::uint64_t randoms_ = 0;
  node::Node node_;
};

}  // namespace crier::simulation
