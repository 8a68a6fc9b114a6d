#pragma once

// The options of a server and a gateway, in groups. Each group is a section of the daemon's file,
// each member a key of it. `crier/settings.hpp` has the bounds.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace crier {

/// The listener, and requests over HTTP.
struct HttpOptions {
  std::string address = "0.0.0.0";  ///< IPv4 or IPv6 literal.
  std::uint16_t port = 3000;        ///< 0: any free port.
  /// Origins from which browsers may call, with credentials; `*` alone allows every origin, without
  /// credentials. None by default.
  std::vector<std::string> origins = {};
  std::size_t header_bytes_max = 16 * 1024;              ///< Request line and headers of a request.
  std::uint32_t headers_max = 100;                       ///< Header fields of a request.
  std::chrono::milliseconds request_timeout{10'000};     ///< Time for a request to arrive whole.
  std::chrono::milliseconds keep_alive_timeout{75'000};  ///< Idle time between requests.
  std::uint32_t connections_max = 100'000;               ///< Further connections are closed at
                                                         ///< once; the limit on polling sessions
                                                         ///< too.
  std::chrono::milliseconds shutdown_timeout{10'000};    ///< Time for open connections to end.
};

/// TLS for all clients. The files are reloaded when they change.
struct TlsOptions {
  std::string certificate_file = {};  ///< PEM, with its chain; only TLS is served then. Empty: no
                                      ///< TLS.
  std::string key_file = {};          ///< PEM; required with a certificate file, and invalid
                                      ///< without.
};

/// Whether a WebSocket gets permessage-deflate, if its client offers it; see docs/operations.md.
struct WebSocketOptions {
  bool deflate = false;
  std::size_t deflate_bytes_min = 1'024;  ///< Shorter messages are not compressed.
};

/// The threads of a gateway.
struct WorkersOptions {
  /// Number of loops that serve clients, each on its own thread. 0: one for each core that the
  /// process may run on. With several workers a publish costs more than twice as much.
  std::uint32_t workers = 1;
  /// Limit on events queued for one worker, in bytes. Above it the worker discards new events and
  /// reads them again from the history.
  std::size_t worker_backlog_bytes_max = 64 * 1024 * 1024;
};

/// Who may connect to a gateway.
struct AuthOptions {
  std::string secret = {};                       ///< Shared secret of the tokens; required.
  std::vector<std::string> algorithms{"HS256"};  ///< Any of HS256, HS384 and HS512.
  std::string issuer = {};                       ///< Required `iss`; empty: not checked.
  std::string audience = {};                     ///< Required `aud`; empty: not checked.
  std::chrono::seconds leeway{0};                ///< Tolerated clock difference for exp and nbf.
  std::chrono::seconds nbf_leeway{60};           ///< The same for nbf, if greater.
  std::optional<std::chrono::seconds> iat_leeway = {};  ///< How far ahead iat may be; none: no
                                                        ///< limit.
  std::size_t token_bytes_max = 8'192;
};

/// The memberships.
struct StoreOptions {
  std::string path = "crier.db";  ///< SQLite file with users and memberships; must exist.
  std::chrono::milliseconds deadline{5'000};  ///< Time limit for an answer of the store.
};

/// Who may publish over HTTP.
struct ApiOptions {
  std::string key = {};                      ///< Empty: publishing over HTTP is off.
  std::size_t body_bytes_max = 1024 * 1024;  ///< Limit on a publish's body.
};

/// Connecting to Redis.
struct RedisOptions {
  std::string url = {};                ///< See docs/operations.md; empty: history in memory.
  std::string ca_file = {};            ///< PEM, for rediss: trusted certificates; empty: the
                                       ///< system's.
  std::string certificate_file = {};   ///< PEM, for rediss: the client certificate.
  std::string key_file = {};           ///< PEM; empty: the key is in the certificate's file.
  std::string sentinel_user = {};      ///< For the Sentinels themselves; empty: the default user.
  std::string sentinel_password = {};  ///< Empty: they require none.
};

/// How a publish is handled while the history does not answer.
enum class OutagePolicy : std::uint8_t {
  deliver,  ///< The event goes to the connected members of this node, without a number; others miss
            ///< it.
  refuse,   ///< The publish fails with 503 `history_unavailable`; nobody receives the event.
};

/// The events that are kept for clients that reconnect.
struct HistoryOptions {
  std::chrono::milliseconds ttl{300'000};
  std::uint32_t events_max = 1'000;          ///< Limit for each program.
  std::size_t bytes_max = 16 * 1024 * 1024;  ///< Limit for each program; counts bodies only.
  /// Limit on bytes queued but not yet sent, over all clients that are being replayed what they
  /// missed. Above it clients take turns.
  std::size_t replay_bytes_max = 64 * 1024 * 1024;
  OutagePolicy outage_policy = OutagePolicy::deliver;
  /// How long the port stays closed at startup while the history does not answer. 0: not at all.
  std::chrono::milliseconds start_deadline{5'000};
  /// With Redis: the file that keeps, across a restart, which programs are owed a gap marker; a
  /// number is appended to its name. Empty: `store.path` with `.owed`.
  std::string owed_file = {};
  /// Limit on publishes with an idempotency key whose outcome is pending or unknown; further ones
  /// fail with 503 `outcomes_unknown_full`.
  std::uint32_t unknown_outcomes_max = 10'000;
};

/// The replay for a client whose cursor is a time.
struct ReplayOptions {
  std::uint32_t timestamp_max = 50;  ///< Limit on the events of each program that a client with
                                     ///< lastEventTimestamp is sent.
};

/// The sessions of a gateway.
struct EngineOptions {
  std::string path = "/socket.io/";  ///< The URL path of Engine.IO.
  std::chrono::milliseconds ping_interval{25'000};
  std::chrono::milliseconds ping_timeout{60'000};
  std::chrono::milliseconds upgrade_timeout{10'000};
  std::chrono::milliseconds connect_timeout{45'000};
  std::size_t payload_bytes_max = 1'000'000;  ///< Limit on what a client sends; announced to it.
  /// Limit on the unsent bytes of a client; above it the client is closed as a slow reader. Counts
  /// what earlier turns of the loop have queued: no client could have taken later bytes yet.
  std::size_t backlog_bytes_max = 16 * 1024 * 1024;
  /// A client that takes none of its unsent bytes for this long is closed as a slow reader, too.
  std::chrono::milliseconds slow_reader_timeout{20'000};
  /// How long an event waits to be batched with others. 0: it is batched only with events that are
  /// already there.
  std::chrono::microseconds flush_window{0};
  std::uint32_t fragments_max = 4'096;           ///< Limit on the frames of one WebSocket message.
  std::uint32_t attachments_max = 10;            ///< Limit on the binary attachments of one packet.
  std::uint32_t namespaces_max = 16;             ///< Limit on namespaces that a client joins or
                                                 ///< requests.
  std::uint32_t json_depth_max = 512;            ///< Limit on the nesting of what a client sends.
  std::uint32_t handshakes_per_second = 10'000;  ///< Limit on new sessions; further ones get 503
                                                 ///< and Retry-After. 0: no limit.
  std::uint32_t handshakes_burst = 20'000;       ///< How many may come at once.
};

/// All options of a gateway. The defaults are those of the daemon.
struct GatewayOptions {
  HttpOptions http = {};
  WorkersOptions server = {};
  TlsOptions tls = {};
  AuthOptions auth = {};
  StoreOptions store = {};
  ApiOptions api = {};
  RedisOptions redis = {};
  HistoryOptions history = {};
  ReplayOptions replay = {};
  EngineOptions engine = {};
  WebSocketOptions websocket = {};
};

/// The sessions of a general server.
struct ServerEngineOptions {
  std::string path = "/socket.io/";
  std::chrono::milliseconds ping_interval{25'000};
  std::chrono::milliseconds ping_timeout{20'000};
  std::chrono::milliseconds upgrade_timeout{10'000};
  std::chrono::milliseconds connect_timeout{45'000};
  std::size_t payload_bytes_max = 1'000'000;
  std::size_t backlog_bytes_max = 16 * 1024 * 1024;       ///< As in EngineOptions.
  std::chrono::milliseconds slow_reader_timeout{20'000};  ///< As in EngineOptions.
};

/// All options of a general server.
struct ServerOptions {
  HttpOptions http = {};
  TlsOptions tls = {};
  ServerEngineOptions engine = {};
  WebSocketOptions websocket = {};
};

}  // namespace crier
