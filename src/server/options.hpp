#pragma once

// What a gateway is told, as its parts take it.

#include "access/jwt.hpp"
#include "backends/redis/connection.hpp"
#include "crier/gateway.hpp"
#include "engineio/session.hpp"
#include "gateway/admission.hpp"
#include "gateway/feed.hpp"
#include "history/store.hpp"
#include "server/engine.hpp"
#include "server/publisher.hpp"
#include "server/worker.hpp"
#include "socketio/client.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace crier::server {

WorkerOptions worker_options(const GatewayOptions& options);
/// Of GatewayOptions and of ServerOptions, whose names are the same.
template <class Options>
engineio::SessionOptions session_options(const Options& options) {
  engineio::SessionOptions session;
  session.ping_interval = options.ping_interval;
  session.ping_timeout = options.ping_timeout;
  session.upgrade_timeout = options.upgrade_timeout;
  session.payload_bytes_max = options.payload_bytes_max;
  session.slow_reader_timeout = options.slow_reader_timeout;
  return session;
}
template <class Options>
Engine::Limits engine_limits(const Options& options) {
  Engine::Limits limits;
  limits.backlog_bytes_max = options.backlog_bytes_max;
  if constexpr (requires { options.fragments_max; }) limits.fragments_max = options.fragments_max;
  return limits;
}

socketio::ClientOptions client_options(const GatewayOptions& options);
gateway::AdmissionOptions admission_options(const GatewayOptions& options);
history::Retention retention_options(const GatewayOptions& options);
Publisher::Options publisher_options(const GatewayOptions& options);
redis::Options redis_options(const GatewayOptions& options);
std::optional<access::Algorithm> algorithm(std::string_view name);
/// Throws std::bad_optional_access if an algorithm is unknown.
std::vector<access::Key> key_options(const GatewayOptions& options);
access::TokenPolicy token_options(const GatewayOptions& options);
/// Rings are bounded as the history is, a program.
gateway::FeedOptions feed_options(const GatewayOptions& options);

}  // namespace crier::server
