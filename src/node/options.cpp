// Translates the gateway's public options into those of its parts.

#include "node/options.hpp"

#include "web/worker_options.hpp"

#include <optional>
#include <utility>

namespace crier::node {

namespace {

std::optional<access::Algorithm> algorithm(std::string_view name) {
  if (name == "HS256") return access::Algorithm::hs256;
  if (name == "HS384") return access::Algorithm::hs384;
  if (name == "HS512") return access::Algorithm::hs512;
  return std::nullopt;
}

}  // namespace

web::WorkerOptions worker_options(const GatewayOptions& options) {
  return web::worker_options(options.http, options.engine.slow_reader_timeout);
}

socketio::ClientOptions client_options(const GatewayOptions& options) {
  socketio::ClientOptions client;
  client.connect_timeout = options.engine.connect_timeout;
  client.reassembly_bytes_max = options.engine.payload_bytes_max;
  client.namespaces_max = options.engine.namespaces_max;
  client.packet.attachments_max = options.engine.attachments_max;
  client.packet.json_depth_max = options.engine.json_depth_max;
  return client;
}

gateway::AdmissionOptions admission_options(const GatewayOptions& options) {
  return {options.store.deadline, std::chrono::milliseconds(250), options.replay.timestamp_max,
          options.history.ttl};
}

history::Retention retention_options(const GatewayOptions& options) {
  return {options.history.ttl, options.history.events_max, options.history.bytes_max};
}

Publisher::Options publisher_options(const GatewayOptions& options) {
  Publisher::Options publisher;
  publisher.policy = options.history.outage_policy;
  publisher.event_bytes_max = options.engine.backlog_bytes_max;
  publisher.outcomes.unknown_max = options.history.unknown_outcomes_max;
  publisher.outcomes.ttl = options.history.ttl;
  publisher.cursors_for = history::remembered_for(retention_options(options));
  return publisher;
}

redis::Options redis_options(const GatewayOptions& options) {
  redis::Options redis;
  redis.connection.url = options.redis.url;
  redis.connection.ca_file = options.redis.ca_file;
  redis.connection.certificate_file = options.redis.certificate_file;
  redis.connection.key_file = options.redis.key_file;
  redis.connection.sentinel_user = options.redis.sentinel_user;
  redis.connection.sentinel_password = options.redis.sentinel_password;
  return redis;
}

std::vector<access::Key> key_options(const GatewayOptions& options) {
  access::Key key{options.auth.secret, {}, {}};
  for (const auto& name : options.auth.algorithms)
    key.algorithms.push_back(algorithm(name).value());
  return {std::move(key)};
}

access::TokenPolicy token_options(const GatewayOptions& options) {
  access::TokenPolicy policy;
  policy.issuer = options.auth.issuer;
  policy.audience = options.auth.audience;
  policy.leeway = options.auth.leeway;
  policy.nbf_leeway = options.auth.nbf_leeway;
  policy.iat_leeway = options.auth.iat_leeway;
  policy.token_bytes_max = options.auth.token_bytes_max;
  return policy;
}

gateway::FeedOptions feed_options(const GatewayOptions& options) {
  gateway::FeedOptions feed;
  feed.ring.events_max = options.history.events_max;
  feed.ring.bytes_max = options.history.bytes_max;
  feed.ring.age_max = options.history.ttl;
  feed.patience = options.store.deadline;
  feed.compares = !options.redis.url.empty();
  return feed;
}

}  // namespace crier::node
