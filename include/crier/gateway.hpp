#pragma once

// The embedded gateway: serves clients of Socket.IO, and publishes events to the members of
// programs.

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
  std::string request_id;  ///< From 1 to 128 bytes.
  Json data;               ///< A JSON object.
  std::string user_id;     ///< performedBy.userId, 1–128 bytes.
  std::string user_name;   ///< performedBy.name, at most 256 bytes.
  /// At most 255 bytes; empty: none. While the history keeps the first event, a second publish with
  /// the same key in the same program returns that event's position; with a different event it
  /// fails with 409.
  std::string idempotency_key = {};
};

/// The position of an event in its program's history.
struct Position {
  std::string id;           ///< What clients receive as the event's last argument; empty when not
                            ///< recoverable.
  std::uint64_t seq = 0;    ///< The event's number in its program, from 1; 0 when not recoverable.
  std::string timestamp;    ///< ISO 8601, UTC, milliseconds.
  bool recoverable = true;  ///< False: the history was unavailable, and only connected members
                            ///< received the event.
  bool repeated = false;    ///< True: the idempotency key was known, and this is the first result.
};

/// A Socket.IO gateway: clients with a valid token receive the events of the programs that they are
/// members of, and catch up after a reconnect. Neither copyable nor movable.
class Gateway {
 public:
  /// Throws std::invalid_argument, with a sentence that names the option, if an option is invalid.
  Gateway(const GatewayOptions& options, LogSink log);
  ~Gateway();  ///< Call it after run() has returned.
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// Checks the options as the constructor does. Fails with code `bad_option`, a sentence, and the
  /// option as a JSON Pointer (`/history/ttl`). Opens only the files for TLS. From any thread.
  static Result<void> check(const GatewayOptions& options);

  /// Adds a route for exactly this method and path; a path that ends in `*` matches every path that
  /// begins with what precedes the `*`. The handler runs on the thread that called run(), one at a
  /// time. Before run() only.
  void handle(std::string_view method, std::string_view path, HttpHandler handler);

  /// Binds the port. Fails with code `listen_failed` and a sentence that names the port.
  Result<void> listen();
  [[nodiscard]] std::uint16_t port() const;  ///< Valid after listen().

  /// Serves on the calling thread and, with several workers, on threads of its own, which block all
  /// signals; returns after stop() has completed. Call it once. Throws std::system_error if a
  /// thread cannot be started, std::runtime_error if another process took the port before it
  /// opened.
  void run();

  /// Refuses new work, finishes publishes in flight, closes the clients in steps, then lets run()
  /// return. From any thread, any number of times.
  void stop();

  /// Reloads the files for TLS; new connections use them. If they are unusable, Crier logs that and
  /// keeps the current certificate. It also reloads them by itself within a minute after they have
  /// changed. From any thread.
  void reload_certificate();

  /// Publishes without reporting the outcome; failures are logged. Never throws, never blocks;
  /// before listen() it only logs. From any thread.
  void emit_to_program(std::string_view program, std::string_view event, Payload payload) noexcept;

  /// Publishes and waits for the position; between listen() and run() it waits for run(). From any
  /// thread except those that serve (handlers and callbacks), where it fails with code
  /// `would_block`. Fails as the HTTP API does: 422 if the event does not fit the catalogue, 503
  /// `not_running` or `shutting_down`.
  Result<Position> publish(std::string_view program, std::string_view event,
                           const Payload& payload);

  /// Publishes a body in the format of the HTTP API. Calls `done` once: on a thread that serves, or
  /// before it returns when the gateway does not run. From any thread.
  void publish_json(std::string_view program, std::string body,
                    std::function<void(Result<Position>)> done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace crier
