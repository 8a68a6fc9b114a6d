#pragma once

// What a gateway is told, as its parts take it.

#include "access/jwt.hpp"
#include "backends/redis/store/history.hpp"
#include "crier/gateway.hpp"
#include "gateway/admission.hpp"
#include "gateway/feed.hpp"
#include "history/store.hpp"
#include "node/publisher.hpp"
#include "socketio/client.hpp"
#include "web/worker.hpp"

#include <vector>

namespace crier::node {

web::WorkerOptions worker_options(const GatewayOptions& options);
socketio::ClientOptions client_options(const GatewayOptions& options);
gateway::AdmissionOptions admission_options(const GatewayOptions& options);
history::Retention retention_options(const GatewayOptions& options);
Publisher::Options publisher_options(const GatewayOptions& options);
redis::Options redis_options(const GatewayOptions& options);
/// Throws std::bad_optional_access if an algorithm is unknown.
std::vector<access::Key> key_options(const GatewayOptions& options);
access::TokenPolicy token_options(const GatewayOptions& options);
/// Rings are bounded as the history is, a program.
gateway::FeedOptions feed_options(const GatewayOptions& options);

}  // namespace crier::node
