#pragma once

#include "crier/http.hpp"
#include "crier/json.hpp"
#include "crier/log.hpp"
#include "crier/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier {

/// What becomes of a publish while the history does not answer.
enum class OutagePolicy : std::uint8_t {
  deliver,  ///< It goes to the connected members of this node, without a number; others miss it.
  refuse,   ///< It fails with 503 `history_unavailable`; nobody gets it.
};

/// Everything a gateway can be told. The defaults are those of the daemon.
struct GatewayOptions {
  // Listener.
  std::string address = "0.0.0.0";   ///< IPv4 or IPv6 literal.
  std::uint16_t port = 3000;         ///< 0: any free port.
  std::string path = "/socket.io/";  ///< Where Engine.IO answers.
  std::vector<std::string> origins =
      {};  ///< Origins that browsers may call from, with credentials; `*`
           ///< alone allows all of them, without. None by default.

  /// Loops that serve clients, each on a thread of its own; at most 64. 0: one for each core that
  /// the process may run on. With several a publish costs more than twice as much.
  std::uint32_t workers = 1;
  /// Of events on their way to one worker: beyond it, a worker drops what comes and reads it again.
  std::size_t worker_backlog_bytes_max = 64 * 1024 * 1024;

  std::string tls_certificate_file = {};  ///< PEM, with its chain: TLS only. Empty: without TLS.
  std::string tls_key_file = {};          ///< PEM; with a certificate file only, and always then.

  // Who may connect.
  std::string jwt_secret = {};                       ///< Shared secret of the tokens; required.
  std::vector<std::string> jwt_algorithms{"HS256"};  ///< Of HS256, HS384 and HS512.
  std::string jwt_issuer = {};                       ///< Required `iss`; empty: not looked at.
  std::string jwt_audience = {};                     ///< Required `aud`; empty: not looked at.
  std::chrono::seconds jwt_leeway{0};       ///< Clock difference that is forgiven, of exp and nbf.
  std::chrono::seconds jwt_nbf_leeway{60};  ///< Of nbf, when it is more.
  std::optional<std::chrono::seconds> jwt_iat_leeway = {};  ///< How far ahead iat may be; none: any
                                                            ///< far.
  std::size_t token_bytes_max = 8'192;
  std::string store = "crier.db";  ///< SQLite file with users and memberships; must exist.
  std::chrono::milliseconds admission_deadline{5'000};  ///< For a store that does not answer.

  // Who may publish over HTTP. Empty: nobody.
  std::string api_key = {};

  // History.
  std::string redis_url = {};      ///< See docs/operations.md; empty: history in memory.
  std::string redis_ca_file = {};  ///< PEM, for rediss: whom to trust; empty: the system's.
  std::string redis_certificate_file = {};   ///< PEM, for rediss: shown to a server that asks.
  std::string redis_key_file = {};           ///< PEM; empty: it is in the certificate's file.
  std::string redis_sentinel_user = {};      ///< For the Sentinels themselves; empty: the default.
  std::string redis_sentinel_password = {};  ///< Empty: they want none.
  std::chrono::milliseconds history_ttl{300'000};    ///< 1 s … 24 h
  std::uint32_t history_events_max = 1'000;          ///< A program.
  std::size_t history_bytes_max = 16 * 1024 * 1024;  ///< A program; bodies only.
  /// Bytes queued but not yet sent, over all clients that are being replayed what they missed.
  /// Beyond it clients wait for their turn.
  std::size_t history_replay_bytes_max = 64 * 1024 * 1024;
  std::uint32_t replay_timestamp_max = 50;  ///< Events a program, by lastEventTimestamp.
  OutagePolicy outage_policy = OutagePolicy::deliver;
  /// How long the port stays closed at the start while the history does not answer. 0: not at all.
  std::chrono::milliseconds history_start_deadline{5'000};
  /// With Redis: which programs are owed a gap marker, over a restart; a number is appended. Empty:
  /// `store` with `.owed`.
  std::string history_owed_file = {};
  /// Publishes with an idempotency key whose outcome is open or unknown; more fail with 503
  /// `outcomes_unknown_full`. At least 1.
  std::uint32_t history_unknown_outcomes_max = 10'000;

  // Engine.IO.
  std::chrono::milliseconds ping_interval{25'000};
  std::chrono::milliseconds ping_timeout{60'000};
  std::chrono::milliseconds upgrade_timeout{10'000};
  std::chrono::milliseconds connect_timeout{45'000};
  std::size_t payload_bytes_max = 1'000'000;  ///< Of what a client sends; announced to it.
  /// Unsent bytes a client, before it is closed as a slow reader: what earlier turns of the loop
  /// have queued for it, for nobody could have taken the rest yet.
  std::size_t backlog_bytes_max = 16 * 1024 * 1024;
  /// The same for one that takes none of them for so long; 1 s at least.
  std::chrono::milliseconds slow_reader_timeout{20'000};
  /// How long an event waits for others that leave with it; 1 ms at most. 0: for those that are
  /// there.
  std::chrono::microseconds flush_window{0};
  std::uint32_t fragments_max = 4'096;           ///< Frames of one WebSocket message.
  std::uint32_t attachments_max = 10;            ///< Binary attachments of one packet.
  std::uint32_t namespaces_max = 16;             ///< That a client may join or ask for.
  std::uint32_t json_depth_max = 512;            ///< Nesting of what a client sends, in levels.
  std::uint32_t handshakes_per_second = 10'000;  ///< New sessions; more are told to come back with
                                                 ///< 503 and Retry-After. 0: no bound.
  std::uint32_t handshakes_burst = 20'000;       ///< How many may come at once.
  /// Whether a WebSocket gets permessage-deflate, if its client offers it; see docs/operations.md.
  bool websocket_deflate = false;
  std::size_t websocket_deflate_bytes_min = 1'024;  ///< Shorter messages are not compressed.

  // HTTP.
  std::size_t header_bytes_max = 16 * 1024;              ///< Request line and headers of a request.
  std::uint32_t headers_max = 100;                       ///< Header fields of a request.
  std::size_t body_bytes_max = 1024 * 1024;              ///< Of a publish.
  std::chrono::milliseconds request_timeout{10'000};     ///< For a request to arrive whole.
  std::chrono::milliseconds keep_alive_timeout{75'000};  ///< Between requests.
  std::uint32_t connections_max = 100'000;               ///< Further ones are closed at once; no
                                                         ///< more sessions over polling either.
  std::chrono::milliseconds shutdown_timeout{10'000};    ///< For open connections to end.
};

/// What a publisher says about an event, besides its program and name.
struct Payload {
  std::string request_id;  ///< 1–128 bytes.
  Json data;               ///< A JSON object.
  std::string user_id;     ///< performedBy.userId, 1–128 bytes.
  std::string user_name;   ///< performedBy.name, at most 256 bytes.
  /// At most 255 bytes; empty: none. While the history keeps the first event, the same key in the
  /// same program brings its position again, and with another event fails with 409.
  std::string idempotency_key = {};
};

/// Where an event stands in its program's history.
struct Position {
  std::string id;           ///< What clients receive as the event's last argument; empty when not
                            ///< recoverable.
  std::uint64_t seq = 0;    ///< Counts the program's events from 1; 0 when not recoverable.
  std::string timestamp;    ///< ISO 8601, UTC, milliseconds.
  bool recoverable = true;  ///< False: the history was down, and only connected members got it.
  bool repeated = false;    ///< The first result again: the idempotency key was known.
};

/// A Socket.IO gateway: clients with a valid token receive the events of the programs that they are
/// members of, and catch up after a reconnect. A resource; neither copied nor moved.
class Gateway {
 public:
  /// Throws std::invalid_argument, with a sentence that names the option, when options make no
  /// sense.
  Gateway(const GatewayOptions& options, LogSink log);
  ~Gateway();  ///< run() must have returned.
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// Whether the constructor takes these options; else code `bad_option` and the sentence. Opens
  /// nothing but the files for TLS. From any thread.
  static Result<void> check(const GatewayOptions& options);

  /// Adds a route for exactly this method and path; a path that ends in `*` matches what begins
  /// with it. The handler runs on the thread that called run(), one at a time. Before run() only.
  void handle(std::string_view method, std::string_view path, HttpHandler handler);

  /// Binds the port. Fails with code `listen_failed` and a sentence that names it.
  Result<void> listen();
  [[nodiscard]] std::uint16_t port() const;  ///< After listen().

  /// Serves on the calling thread and, with several workers, on threads of its own, which take no
  /// signals; returns when a stop() has been carried out. Once. Throws std::system_error without a
  /// thread to serve on, std::runtime_error if another process took the port before it opened.
  void run();

  /// Refuses new work, finishes publishes in flight, closes the clients in steps, then returns from
  /// run(). From any thread, any number of times.
  void stop();

  /// Reads the files for TLS again, for connections to come. If they cannot be used, that is logged
  /// and the certificate stays. Happens by itself within a minute after they have changed. From any
  /// thread.
  void reload_certificate();

  /// Publishes without a word: what goes wrong is logged. Never throws, never blocks; before
  /// listen() it only logs. From any thread.
  void emit_to_program(std::string_view program, std::string_view event, Payload payload) noexcept;

  /// Publishes and waits for the position; between listen() and run() it waits for run(). From any
  /// thread but those that serve (handlers and callbacks), where it fails with code `would_block`.
  /// Fails as the HTTP API does: 422 for what breaks the catalogue, 503 `not_running` or
  /// `shutting_down`.
  Result<Position> publish(std::string_view program, std::string_view event,
                           const Payload& payload);

  /// Publishes a body as the HTTP API takes it, and calls `done` once, on a thread that serves, or
  /// at once when the gateway does not run. From any thread.
  void publish_json(std::string_view program, std::string body,
                    std::function<void(Result<Position>)> done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace crier
