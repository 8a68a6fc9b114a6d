#pragma once

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

/// The arguments of an event or ack: the text of a JSON array, in which binary values stand as
/// placeholders `{"_placeholder":true,"num":0}` for `attachments`.
struct Arguments {
  std::string json = "[]";
  std::vector<std::string> attachments;
};

/// Answers an event whose sender asked for it. Call it once, on the loop; a second call and one
/// after the socket has gone do nothing. Empty when no answer was asked for.
using Ack = std::function<void(const Arguments&)>;

/// One client in one namespace. A value that names it: copy and keep it; calls on a socket that has
/// gone do nothing. On the loop's thread only.
class Socket {
 public:
  class Owner;
  Socket(Owner& owner, std::uint64_t key) : owner_(&owner), key_(key) {}

  [[nodiscard]] std::string id() const;    ///< Empty when it has gone.
  [[nodiscard]] std::string auth() const;  ///< The CONNECT payload, a JSON object.
  [[nodiscard]] std::uint64_t key() const { return key_; }

  /// `handler(arguments, ack)` runs for each event of that name; events without a handler are
  /// dropped. A handler that throws costs this socket its connection.
  void on(std::string_view event, std::function<void(const Arguments&, const Ack&)> handler);
  /// `reason` is one of Socket.IO's (`transport close`, `client namespace disconnect`, …).
  void on_disconnect(std::function<void(std::string_view reason)> handler);

  void emit(std::string_view event, const Arguments& arguments = {});
  /// The same, and `on_ack` gets the client's answer, if it comes.
  void emit(std::string_view event, const Arguments& arguments,
            std::function<void(const Arguments&)> on_ack);

  void join(std::string_view room);
  void leave(std::string_view room);
  void disconnect();

 private:
  Owner* owner_;
  std::uint64_t key_;
};

/// Everybody in one namespace. Lives as long as the server; on the loop's thread once it runs.
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

/// A general Socket.IO server with untyped events. A resource; neither copied nor moved.
class Server {
 public:
  /// Throws std::invalid_argument, with a sentence that names the option, when options make no
  /// sense.
  Server(ServerOptions options, LogSink log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// The namespace, made at first use. Clients may join only what exists. Before run() only.
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
