#include "server/options.hpp"

namespace crier::server {

WorkerOptions worker_options(const GatewayOptions& options) {
  WorkerOptions worker;
  worker.endpoint = {options.address, options.port};
  worker.cors.origins = options.origins;
  worker.http.header_bytes_max = options.header_bytes_max;
  worker.http.headers_max = options.headers_max;
  worker.request_timeout = options.request_timeout;
  worker.keep_alive_timeout = options.keep_alive_timeout;
  worker.connections_max = options.connections_max;
  return worker;
}

engineio::SessionOptions session_options(const GatewayOptions& options) {
  engineio::SessionOptions session;
  session.ping_interval = options.ping_interval;
  session.ping_timeout = options.ping_timeout;
  session.upgrade_timeout = options.upgrade_timeout;
  session.payload_bytes_max = options.payload_bytes_max;
  session.backlog_bytes_max = options.backlog_bytes_max;
  return session;
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

gateway::FeedOptions feed_options(const GatewayOptions& options) {
  gateway::FeedOptions feed;
  feed.ring.events_max = options.history_events_max;
  feed.ring.bytes_max = options.history_bytes_max;
  feed.ring.age_max = options.history_ttl;
  feed.patience = options.admission_deadline;
  return feed;
}

}  // namespace crier::server
