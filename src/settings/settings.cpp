// Every setting: its key, its member of the options, its bounds, its meaning and its short
// variable. The daemon's file, the environment, the check of the options, `crier check --example`
// and the table in docs/operations.md come from here.

#include "crier/settings.hpp"

#include "settings/group.hpp"

#include <algorithm>

namespace crier {

namespace {

using settings::Group;
using namespace std::chrono_literals;

constexpr std::uint64_t bytes_most = 1U << 30U;
constexpr std::uint64_t count_most = 10'000'000;

std::optional<std::string> origins_problem(const std::vector<std::string>& origins) {
  const bool any = std::ranges::find(origins, "*") != origins.end();
  if (!any || origins.size() == 1) return std::nullopt;
  return "must be either `*` alone or a list without it";
}

std::optional<std::string> algorithms_problem(const std::vector<std::string>& algorithms) {
  if (algorithms.empty()) return "must not be empty";
  for (const std::string& name : algorithms) {
    if (name != "HS256" && name != "HS384" && name != "HS512") {
      return "may hold HS256, HS384 and HS512, not " + name;
    }
  }
  return std::nullopt;
}

/// `Authorization: Bearer KEY` must be possible: a header holds no control character, and loses
/// blanks at its end.
std::optional<std::string> key_problem(const std::string& key) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  if (std::ranges::none_of(key, is_control) && !key.starts_with(' ') && !key.ends_with(' ')) {
    return std::nullopt;
  }
  return "must have no blank at its ends and no control character such as a newline: no header "
         "could carry it";
}

std::optional<std::string> path_problem(const std::string& path) {
  if (path.starts_with('/') && path.ends_with('/')) return std::nullopt;
  return "must begin and end with a slash";
}

void describe(std::vector<Setting>& all, HttpOptions& http) {
  Group group(all, "http");
  group.text("address", http.address, "Where to listen: an IPv4 or IPv6 address.");
  group.number("port", http.port, {0, 65'535}, "TCP port.", "PORT");
  group.list("origins", http.origins,
             "Origins that browsers may connect from, such as \"https://app.example.com\".",
             "CLIENT_URL", origins_problem);
  group.number("header_bytes_max", http.header_bytes_max, {1'024, bytes_most},
               "Request line and headers of a request.");
  group.number("headers_max", http.headers_max, {1, count_most}, "Header fields of a request.");
  group.duration("request_timeout", http.request_timeout,
                 "How long a request may take to arrive whole.");
  group.duration("keep_alive_timeout", http.keep_alive_timeout,
                 "How long a connection may be idle between requests.");
  group.number("connections_max", http.connections_max, {1, count_most},
               "Open connections; further ones are closed.");
  group.duration("shutdown_timeout", http.shutdown_timeout,
                 "How long open connections have to end at shutdown.");
}

void describe(std::vector<Setting>& all, WorkersOptions& server) {
  Group group(all, "server");
  group.number("workers", server.workers, {0, 64}, "Threads that serve clients; 0: one a core.");
  group.number(
      "worker_backlog_bytes_max", server.worker_backlog_bytes_max, {65'536, bytes_most},
      "Bytes of events queued for one worker; one that is further behind reads them again.");
}

void describe(std::vector<Setting>& all, TlsOptions& tls) {
  Group group(all, "tls");
  group.text("certificate_file", tls.certificate_file,
             "PEM file with the certificate to show and its chain; empty: no TLS.");
  group.text("key_file", tls.key_file, "PEM file with its key, without a passphrase.");
}

void describe(std::vector<Setting>& all, AuthOptions& auth) {
  Group group(all, "auth");
  group.text("secret", auth.secret, "Shared secret of the tokens. Required.", "JWT_ACCESS_SECRET");
  group.list("algorithms", auth.algorithms, "Accepted algorithms: any of HS256, HS384 and HS512.",
             {}, algorithms_problem);
  group.text("issuer", auth.issuer, "Required `iss`; empty: any.");
  group.text("audience", auth.audience, "Required `aud`; empty: any.");
  group.duration("leeway", auth.leeway, "Clock difference that is forgiven, of `exp` and `nbf`.");
  group.duration("nbf_leeway", auth.nbf_leeway,
                 "How far ahead `nbf` may be, when more than `leeway`.");
  group.duration("iat_leeway", auth.iat_leeway,
                 "How far ahead `iat` may be; off: as far as it likes.");
  group.number("token_bytes_max", auth.token_bytes_max, {64, bytes_most},
               "Longest token that is accepted.");
}

void describe(std::vector<Setting>& all, StoreOptions& store) {
  Group group(all, "store");
  group.text("path", store.path, "SQLite file with users and memberships.", "CRIER_STORE");
  group.duration("deadline", store.deadline, "How long a client waits for a store that is down.");
}

void describe(std::vector<Setting>& all, ApiOptions& api) {
  Group group(all, "api");
  group.text("key", api.key, "Bearer key of the publish API; empty: nobody may publish.", {},
             key_problem);
  group.number("body_bytes_max", api.body_bytes_max, {1'024, bytes_most},
               "Longest body of a publish.");
}

void describe(std::vector<Setting>& all, RedisOptions& redis) {
  Group group(all, "redis");
  group.text("url", redis.url,
             "redis://…, rediss://…, and either with +sentinel or +cluster; empty: history in "
             "memory.",
             "REDIS_URL");
  group.text("ca_file", redis.ca_file,
             "PEM file of whom to trust with rediss; empty: the system's.");
  group.text("certificate_file", redis.certificate_file,
             "PEM file with the client's certificate, for rediss.");
  group.text("key_file", redis.key_file, "PEM file with its key; empty: in the same file.");
  group.text("sentinel_user", redis.sentinel_user, "User for the Sentinels themselves.");
  group.text("sentinel_password", redis.sentinel_password,
             "Password for the Sentinels; empty: they want none.");
}

void describe(std::vector<Setting>& all, HistoryOptions& history) {
  Group group(all, "history");
  group.duration("ttl", history.ttl, "How long events are kept.", {.least = 1s, .most = 24h});
  group.number("events_max", history.events_max, {1, count_most}, "Events kept a program.");
  group.number("bytes_max", history.bytes_max, {1'024, bytes_most}, "Bytes kept a program.");
  group.number("replay_bytes_max", history.replay_bytes_max, {1'048'576, bytes_most},
               "Unsent bytes of all clients together that are sent what they missed; more of them "
               "take turns.");
  group.policy("outage_policy", history.outage_policy,
               "Publishes while Redis is down: deliver (to connected members, unnumbered) or "
               "refuse (503).");
  group.duration("start_deadline", history.start_deadline,
                 "How long the port stays closed at the start while Redis does not answer; \"0s\": "
                 "not at all.");
  group.text("owed_file", history.owed_file,
             "Which programs are owed a gap marker, over a restart; empty: beside [store] path.");
  group.number("unknown_outcomes_max", history.unknown_outcomes_max, {1, count_most},
               "Publishes with a key whose outcome is open or unknown; more are answered 503.");
}

void describe(std::vector<Setting>& all, ReplayOptions& replay) {
  Group group(all, "replay");
  group.number("timestamp_max", replay.timestamp_max, {1, count_most},
               "Events a program sent again by lastEventTimestamp.");
}

/// What EngineOptions and ServerEngineOptions have in common.
template <class Engine>
void describe_sessions(Group& group, Engine& engine) {
  group.text("path", engine.path, "Where Socket.IO answers; begins and ends with a slash.", {},
             path_problem);
  group.duration("ping_interval", engine.ping_interval, "Time between heartbeats.",
                 {.least = 100ms});
  group.duration("ping_timeout", engine.ping_timeout,
                 "How long a client may take to answer a heartbeat.", {.least = 100ms});
  group.duration("upgrade_timeout", engine.upgrade_timeout,
                 "How long an upgrade to WebSocket may take.");
  group.duration("connect_timeout", engine.connect_timeout,
                 "How long a client may take to join the namespace.");
  group.number("payload_bytes_max", engine.payload_bytes_max, {1'024, bytes_most},
               "Longest message or POST from a client.");
  group.number("backlog_bytes_max", engine.backlog_bytes_max, {65'536, bytes_most},
               "Unsent bytes of a client, but for those just published, before it is closed as a "
               "slow reader.");
  group.duration("slow_reader_timeout", engine.slow_reader_timeout,
                 "The same for one that takes none of them for so long.", {.least = 1s});
}

void describe(std::vector<Setting>& all, EngineOptions& engine) {
  Group group(all, "engine");
  describe_sessions(group, engine);
  group.duration("flush_window", engine.flush_window,
                 "How long an event waits for others that leave with it.",
                 {.least = 0us, .most = 1ms});
  group.number("fragments_max", engine.fragments_max, {1, count_most},
               "Frames of one WebSocket message.");
  group.number("attachments_max", engine.attachments_max, {0, 1'000},
               "Binary attachments of one packet.");
  group.number("namespaces_max", engine.namespaces_max, {1, 1'000},
               "Namespaces that a client may join or ask for.");
  group.number("json_depth_max", engine.json_depth_max, {1, 10'000},
               "Nesting of what a client sends, in levels.");
  group.number("handshakes_per_second", engine.handshakes_per_second, {0, count_most},
               "New sessions a second; more get 503 and come back. 0: no bound.");
  group.number("handshakes_burst", engine.handshakes_burst, {1, count_most},
               "New sessions that may come at once.");
}

void describe(std::vector<Setting>& all, WebSocketOptions& websocket) {
  Group group(all, "websocket");
  group.flag("deflate", websocket.deflate, "Compress messages for clients that offer it.");
  group.number("deflate_bytes_min", websocket.deflate_bytes_min, {0, bytes_most},
               "Shorter messages are not compressed.");
}

}  // namespace

std::vector<Setting> settings_of(GatewayOptions& options) {
  std::vector<Setting> all;
  describe(all, options.http);
  describe(all, options.server);
  describe(all, options.tls);
  describe(all, options.auth);
  describe(all, options.store);
  describe(all, options.api);
  describe(all, options.redis);
  describe(all, options.history);
  describe(all, options.replay);
  describe(all, options.engine);
  describe(all, options.websocket);
  return all;
}

std::vector<Setting> settings_of(ServerOptions& options) {
  std::vector<Setting> all;
  describe(all, options.http);
  describe(all, options.tls);
  Group engine(all, "engine");
  describe_sessions(engine, options.engine);
  describe(all, options.websocket);
  return all;
}

}  // namespace crier
