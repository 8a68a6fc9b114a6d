#pragma once

// The parts of a gateway on one worker.

#include "access/jwt.hpp"
#include "access/membership.hpp"
#include "crier/gateway.hpp"
#include "gateway/feed.hpp"
#include "gateway/pid.hpp"
#include "node/admissions.hpp"
#include "node/delivery.hpp"
#include "node/owed.hpp"
#include "sockets/sessions.hpp"
#include "sockets/sockets.hpp"
#include "web/worker.hpp"

#include <functional>
#include <memory>
#include <string>

namespace crier::node {

/// What a gateway has on each worker between the connections and the history: sessions, sockets,
/// admission and delivery. Serves the path of Engine.IO. On the worker's loop only.
class Front {
 public:
  struct Parts {
    web::Worker& worker;
    history::HistoryView& history;
    std::function<void(const std::string& program)> mark_gap;
    std::unique_ptr<access::MembershipSource> memberships;
    const access::Verifier& verifier;
    const gateway::PidSeal& seal;
    Owed& owed;
    std::function<WallTime()> wall_clock;
    Random random;
  };
  /// What `parts` refers to outlives it.
  Front(const GatewayOptions& options, const gateway::FeedOptions& feed, Parts parts);

  [[nodiscard]] sockets::Sessions& sessions() { return sessions_; }
  [[nodiscard]] const sockets::Sessions& sessions() const { return sessions_; }
  [[nodiscard]] sockets::Sockets& sockets() { return sockets_; }
  [[nodiscard]] const sockets::Sockets& sockets() const { return sockets_; }
  [[nodiscard]] Delivery& delivery() { return delivery_; }
  [[nodiscard]] const Delivery& delivery() const { return delivery_; }
  [[nodiscard]] const Admissions& admissions() const { return admissions_; }
  [[nodiscard]] access::MembershipSource& memberships() { return *memberships_; }

 private:
  Random random_;
  socketio::ClientOptions client_options_;
  sockets::Sockets sockets_;
  sockets::Sessions sessions_;
  std::unique_ptr<access::MembershipSource> memberships_;
  Delivery delivery_;
  Admissions admissions_;
};

}  // namespace crier::node
