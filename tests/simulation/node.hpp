#pragma once

// One gateway process: the same parts as Gateway puts together, on a simulated loop.

#include "access/jwt.hpp"
#include "access/membership.hpp"
#include "catalog/catalog.hpp"
#include "crier/gateway.hpp"
#include "gateway/pid.hpp"
#include "history/store.hpp"
#include "server/front.hpp"
#include "server/publisher.hpp"
#include "server/shutdown.hpp"
#include "server/worker.hpp"
#include "world.hpp"

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
  };
  Node(World& world, Host& host, const GatewayOptions& options, const Parts& parts);
  ~Node();

  [[nodiscard]] std::uint16_t port() const { return worker_.port(); }
  [[nodiscard]] Host& host() { return host_; }
  /// Of every socket that it has now.
  [[nodiscard]] std::vector<std::string> socket_ids() const;
  /// Takes it down in order, as SIGTERM does.
  void begin_stop();
  /// Publishes in a turn of its loop.
  void publish(std::string program, std::string body, std::string token,
               std::function<void(Result<Position>)> done);

 private:
  World& world_;
  Host& host_;
  Random random_;
  server::Worker worker_;
  std::unique_ptr<history::HistoryStore> history_;
  access::Verifier verifier_;
  catalog::Catalog catalog_ = catalog::Catalog::built_in();
  gateway::PidSeal seal_;
  server::Front front_;
  server::Publisher publisher_;
  server::Shutdown shutdown_;
};

}  // namespace crier::simulation
