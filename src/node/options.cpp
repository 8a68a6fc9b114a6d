#include "node/options.hpp"

#include <utility>

namespace crier::node {

web::WorkerOptions worker_options(const GatewayOptions& options) {
  web::WorkerOptions worker;
  worker.endpoint = {options.address, options.port};
  worker.cors.origins = options.origins;
  worker.http.header_bytes_max = options.header_bytes_max;
  worker.http.headers_max = options.headers_max;
  worker.request_timeout = options.request_timeout;
  worker.keep_alive_timeout = options.keep_alive_timeout;
  worker.slow_reader_timeout = options.slow_reader_timeout;
  worker.connections_max = options.connections_max;
  return worker;
}

socketio::ClientOptions client_options(const GatewayOptions& options) {
  socketio::ClientOptions client;
  client.connect_timeout = options.connect_timeout;
  client.reassembly_bytes_max = options.payload_bytes_max;
  client.namespaces_max = options.namespaces_max;
  client.packet.attachments_max = options.attachments_max;
  client.packet.json_depth_max = options.json_depth_max;
  return client;
}

gateway::AdmissionOptions admission_options(const GatewayOptions& options) {
  return {options.admission_deadline, std::chrono::milliseconds(250), options.replay_timestamp_max,
          options.history_ttl};
}

history::Retention retention_options(const GatewayOptions& options) {
  return {options.history_ttl, options.history_events_max, options.history_bytes_max};
}

Publisher::Options publisher_options(const GatewayOptions& options) {
  Publisher::Options publisher;
  publisher.policy = options.outage_policy;
  publisher.event_bytes_max = options.backlog_bytes_max;
  publisher.outcomes.unknown_max = options.history_unknown_outcomes_max;
  publisher.outcomes.ttl = options.history_ttl;
  publisher.cursors_for = history::remembered_for(retention_options(options));
  return publisher;
}

redis::Options redis_options(const GatewayOptions& options) {
  redis::Options redis;
  redis.connection.url = options.redis_url;
  redis.connection.ca_file = options.redis_ca_file;
  redis.connection.certificate_file = options.redis_certificate_file;
  redis.connection.key_file = options.redis_key_file;
  redis.connection.sentinel_user = options.redis_sentinel_user;
  redis.connection.sentinel_password = options.redis_sentinel_password;
  return redis;
}

std::optional<access::Algorithm> algorithm(std::string_view name) {
  if (name == "HS256") return access::Algorithm::hs256;
  if (name == "HS384") return access::Algorithm::hs384;
  if (name == "HS512") return access::Algorithm::hs512;
  return std::nullopt;
}

std::vector<access::Key> key_options(const GatewayOptions& options) {
  access::Key key{options.jwt_secret, {}, {}};
  for (const auto& name : options.jwt_algorithms) key.algorithms.push_back(algorithm(name).value());
  return {std::move(key)};
}

access::TokenPolicy token_options(const GatewayOptions& options) {
  access::TokenPolicy policy;
  policy.issuer = options.jwt_issuer;
  policy.audience = options.jwt_audience;
  policy.leeway = options.jwt_leeway;
  policy.nbf_leeway = options.jwt_nbf_leeway;
  policy.iat_leeway = options.jwt_iat_leeway;
  policy.token_bytes_max = options.token_bytes_max;
  return policy;
}

gateway::FeedOptions feed_options(const GatewayOptions& options) {
  gateway::FeedOptions feed;
  feed.ring.events_max = options.history_events_max;
  feed.ring.bytes_max = options.history_bytes_max;
  feed.ring.age_max = options.history_ttl;
  feed.patience = options.admission_deadline;
  feed.compares = !options.redis_url.empty();
  return feed;
}

}  // namespace crier::node
