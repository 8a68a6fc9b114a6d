#pragma once

// What a gateway is told, as its parts take it.

#include "crier/gateway.hpp"
#include "engineio/session.hpp"
#include "gateway/feed.hpp"
#include "server/worker.hpp"
#include "socketio/client.hpp"

namespace crier::server {

WorkerOptions worker_options(const GatewayOptions& options);
engineio::SessionOptions session_options(const GatewayOptions& options);
socketio::ClientOptions client_options(const GatewayOptions& options);
/// Rings are bounded as the history is, a program.
gateway::FeedOptions feed_options(const GatewayOptions& options);

}  // namespace crier::server
