#pragma once

#include "crier/http.hpp"
#include "crier/json.hpp"
#include "crier/log.hpp"
#include "crier/options.hpp"
#include "crier/result.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace crier {

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

  /// Whether the constructor takes these options; else code `bad_option`, the sentence, and the
  /// option as a JSON Pointer (`/history/ttl`). Opens nothing but the files for TLS. From any
  /// thread.
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
