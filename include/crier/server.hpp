#pragma once

// The general Socket.IO server: namespaces, sockets, rooms and untyped events.

#include "crier/log.hpp"
#include "crier/options.hpp"
#include "crier/result.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace crier {

/// The arguments of an event or ack: the text of a JSON array. Each binary value is a placeholder
/// `{"_placeholder":true,"num":0}` in it, which names one of `attachments`.
struct Arguments {
  std::string json = "[]";
  std::vector<std::string> attachments;
};

/// Acknowledges an event. Call it once, on the loop's thread; a second call and a call after the
/// socket has disconnected do nothing. Empty if the sender requested no ack.
using Ack = std::function<void(const Arguments&)>;

/// One client in one namespace. A value that refers to it: copy and keep it; calls on a socket that
/// has disconnected do nothing. On the loop's thread only.
class Socket {
 public:
  class Owner;
  Socket(Owner& owner, std::uint64_t key) : owner_(&owner), key_(key) {}

  [[nodiscard]] std::string id() const;    ///< Empty after it has disconnected.
  [[nodiscard]] std::string auth() const;  ///< The CONNECT payload, a JSON object.
  [[nodiscard]] std::uint64_t key() const { return key_; }

  /// `handler(arguments, ack)` runs for each event of that name; events without a handler are
  /// dropped. If a handler throws, the socket's connection is closed.
  void on(std::string_view event, std::function<void(const Arguments&, const Ack&)> handler);
  /// `reason` is one of Socket.IO's (`transport close`, `client namespace disconnect`, …).
  void on_disconnect(std::function<void(std::string_view reason)> handler);

  void emit(std::string_view event, const Arguments& arguments = {});
  /// Also requests an ack; `on_ack` receives it, if it comes.
  void emit(std::string_view event, const Arguments& arguments,
            std::function<void(const Arguments&)> on_ack);

  void join(std::string_view room);
  void leave(std::string_view room);
  void disconnect();

 private:
  Owner* owner_;
  std::uint64_t key_;
};

/// One namespace with all its sockets. Valid as long as the server; on the loop's thread only, once
/// the server runs.
class Namespace {
 public:
  class State;
  explicit Namespace(State& state) : state_(&state) {}

  void on_connect(std::function<void(Socket)> handler);
  void emit(std::string_view event, const Arguments& arguments);  ///< To every socket.
  void emit_to(std::string_view room, std::string_view event, const Arguments& arguments);

 private:
  State* state_;
};

/// A general Socket.IO server with untyped events. Neither copyable nor movable.
class Server {
 public:
  /// Throws std::invalid_argument, with a sentence that names the option, if an option is invalid.
  Server(ServerOptions options, LogSink log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Returns the namespace; creates it at first use. Clients can join only namespaces that exist.
  /// Before run() only.
  Namespace of(std::string_view path);

  Result<void> listen();
  [[nodiscard]] std::uint16_t port() const;
  void run();                 ///< Serves on the calling thread until stop().
  void stop();                ///< From any thread.
  void reload_certificate();  ///< As Gateway's. From any thread.

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace crier
