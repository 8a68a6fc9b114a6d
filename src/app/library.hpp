#pragma once

// The parts of crier::Server behind its public header.

#include "crier/server.hpp"
#include "sockets/sockets.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace crier {

/// What is known of the sockets of a Server: their handlers and open acks.
class Socket::Owner final : public sockets::Application {
 public:
  explicit Owner(web::Worker& worker, sockets::Sockets& sockets)
      : worker_(worker), sockets_(sockets) {}

  using EventHandler = std::function<void(const Arguments&, const Ack&)>;
  struct State {
    std::string nsp;
    std::string auth;
    /// Shared, for a handler may replace itself.
    std::unordered_map<std::string, std::shared_ptr<const EventHandler>> on_event;
    std::function<void(std::string_view)> on_disconnect;
    std::map<socketio::AckId, std::function<void(const Arguments&)>> acks;
    socketio::AckId next_ack = 0;
  };

  [[nodiscard]] State* find(Key socket);
  [[nodiscard]] sockets::Sockets& sockets() { return sockets_; }
  /// The handlers of a namespace; made at first use.
  std::function<void(Socket)>& on_connect(const std::string& nsp) { return on_connect_[nsp]; }

  void emit(Key socket, std::string_view event, const Arguments& arguments,
            std::function<void(const Arguments&)> on_ack);

  // Application.
  void connect_requested(const sockets::Ticket& ticket, std::string auth) override;
  void withdrawn(const sockets::Ticket& /*ticket*/) override {}
  void event(Key socket, socketio::EventReceived& event) override;
  void ack(Key socket, socketio::AckReceived& ack) override;
  void left(Key socket, std::string_view id, std::string_view reason) override;

 private:
  /// Runs user code; one that throws costs the socket its session.
  template <class Call>
  void guarded(Key socket, const Call& call);
  Ack make_ack(Key socket, const socketio::EventReceived& event);

  web::Worker& worker_;
  sockets::Sockets& sockets_;
  std::map<std::string, std::function<void(Socket)>> on_connect_;
  std::unordered_map<Key, std::unique_ptr<State>> states_;
};

class Namespace::State {
 public:
  State(Socket::Owner& owner, std::string path) : owner_(owner), path_(std::move(path)) {}
  Socket::Owner& owner_;
  std::string path_;
};

}  // namespace crier
