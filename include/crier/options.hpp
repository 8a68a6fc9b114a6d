#pragma once

// What a server and a gateway can be told, in groups: each is a section of the daemon's file, each
// member a key of it. `crier/settings.hpp` has the bounds.

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
  /// Origins that browsers may call from, with credentials; `*` alone allows all of them, without.
  /// None by default.
  std::vector<std::string> origins = {};
  std::size_t header_bytes_max = 16 * 1024;              ///< Request line and headers of a request.
  std::uint32_t headers_max = 100;                       ///< Header fields of a request.
  std::chrono::milliseconds request_timeout{10'000};     ///< For a request to arrive whole.
  std::chrono::milliseconds keep_alive_timeout{75'000};  ///< Between requests.
  std::uint32_t connections_max = 100'000;               ///< Further ones are closed at once; no
                                                         ///< more sessions over polling either.
  std::chrono::milliseconds shutdown_timeout{10'000};    ///< For open connections to end.
};

/// TLS for all who connect. The files are read again when they change.
struct TlsOptions {
  std::string certificate_file = {};  ///< PEM, with its chain: TLS only. Empty: without TLS.
  std::string key_file = {};          ///< PEM; with a certificate file only, and always then.
};

/// Whether a WebSocket gets permessage-deflate, if its client offers it; see docs/operations.md.
struct WebSocketOptions {
  bool deflate = false;
  std::size_t deflate_bytes_min = 1'024;  ///< Shorter messages are not compressed.
};

/// The threads of a gateway.
struct WorkersOptions {
  /// Loops that serve clients, each on a thread of its own. 0: one for each core that the process
  /// may run on. With several a publish costs more than twice as much.
  std::uint32_t workers = 1;
  /// Of events on their way to one worker: beyond it, a worker drops what comes and reads it again.
  std::size_t worker_backlog_bytes_max = 64 * 1024 * 1024;
};

/// Who may connect to a gateway.
struct AuthOptions {
  std::string secret = {};                       ///< Shared secret of the tokens; required.
  std::vector<std::string> algorithms{"HS256"};  ///< Of HS256, HS384 and HS512.
  std::string issuer = {};                       ///< Required `iss`; empty: not looked at.
  std::string audience = {};                     ///< Required `aud`; empty: not looked at.
  std::chrono::seconds leeway{0};                ///< Clock difference forgiven, of exp and nbf.
  std::chrono::seconds nbf_leeway{60};           ///< Of nbf, when it is more.
  std::optional<std::chrono::seconds> iat_leeway = {};  ///< How far ahead iat may be; none: any
                                                        ///< far.
  std::size_t token_bytes_max = 8'192;
};

/// The memberships.
struct StoreOptions {
  std::string path = "crier.db";  ///< SQLite file with users and memberships; must exist.
  std::chrono::milliseconds deadline{5'000};  ///< For a store that does not answer.
};

/// Who may publish over HTTP.
struct ApiOptions {
  std::string key = {};                      ///< Empty: nobody.
  std::size_t body_bytes_max = 1024 * 1024;  ///< Of a publish.
};

/// Where Redis is.
struct RedisOptions {
  std::string url = {};                ///< See docs/operations.md; empty: history in memory.
  std::string ca_file = {};            ///< PEM, for rediss: whom to trust; empty: the system's.
  std::string certificate_file = {};   ///< PEM, for rediss: shown to a server that asks.
  std::string key_file = {};           ///< PEM; empty: it is in the certificate's file.
  std::string sentinel_user = {};      ///< For the Sentinels themselves; empty: the default.
  std::string sentinel_password = {};  ///< Empty: they want none.
};

/// What becomes of a publish while the history does not answer.
enum class OutagePolicy : std::uint8_t {
  deliver,  ///< It goes to the connected members of this node, without a number; others miss it.
  refuse,   ///< It fails with 503 `history_unavailable`; nobody gets it.
};

/// The events that are kept for those who come back.
struct HistoryOptions {
  std::chrono::milliseconds ttl{300'000};
  std::uint32_t events_max = 1'000;          ///< A program.
  std::size_t bytes_max = 16 * 1024 * 1024;  ///< A program; bodies only.
  /// Bytes queued but not yet sent, over all clients that are being replayed what they missed.
  /// Beyond it clients wait for their turn.
  std::size_t replay_bytes_max = 64 * 1024 * 1024;
  OutagePolicy outage_policy = OutagePolicy::deliver;
  /// How long the port stays closed at the start while the history does not answer. 0: not at all.
  std::chrono::milliseconds start_deadline{5'000};
  /// With Redis: which programs are owed a gap marker, over a restart; a number is appended. Empty:
  /// `store.path` with `.owed`.
  std::string owed_file = {};
  /// Publishes with an idempotency key whose outcome is open or unknown; more fail with 503
  /// `outcomes_unknown_full`.
  std::uint32_t unknown_outcomes_max = 10'000;
};

/// What a client that gives a time is sent again.
struct ReplayOptions {
  std::uint32_t timestamp_max = 50;  ///< Events a program, by lastEventTimestamp.
};

/// The sessions of a gateway.
struct EngineOptions {
  std::string path = "/socket.io/";  ///< Where Engine.IO answers.
  std::chrono::milliseconds ping_interval{25'000};
  std::chrono::milliseconds ping_timeout{60'000};
  std::chrono::milliseconds upgrade_timeout{10'000};
  std::chrono::milliseconds connect_timeout{45'000};
  std::size_t payload_bytes_max = 1'000'000;  ///< Of what a client sends; announced to it.
  /// Unsent bytes a client, before it is closed as a slow reader: what earlier turns of the loop
  /// have queued for it, for nobody could have taken the rest yet.
  std::size_t backlog_bytes_max = 16 * 1024 * 1024;
  /// The same for one that takes none of them for so long.
  std::chrono::milliseconds slow_reader_timeout{20'000};
  /// How long an event waits for others that leave with it. 0: for those that are there.
  std::chrono::microseconds flush_window{0};
  std::uint32_t fragments_max = 4'096;           ///< Frames of one WebSocket message.
  std::uint32_t attachments_max = 10;            ///< Binary attachments of one packet.
  std::uint32_t namespaces_max = 16;             ///< That a client may join or ask for.
  std::uint32_t json_depth_max = 512;            ///< Nesting of what a client sends, in levels.
  std::uint32_t handshakes_per_second = 10'000;  ///< New sessions; more are told to come back with
                                                 ///< 503 and Retry-After. 0: no bound.
  std::uint32_t handshakes_burst = 20'000;       ///< How many may come at once.
};

/// Everything a gateway can be told. The defaults are those of the daemon.
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

/// Everything a general server can be told.
struct ServerOptions {
  HttpOptions http = {};
  TlsOptions tls = {};
  ServerEngineOptions engine = {};
  WebSocketOptions websocket = {};
};

}  // namespace crier
