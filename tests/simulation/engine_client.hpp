#pragma once

// The official Engine.IO client as a state machine of its own: what engine.io-client 6 does with
// packets, polls, upgrades and closes, in the same order.

#include "browser.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace crier::simulation {

enum class Transports : std::uint8_t { polling_then_websocket, websocket, polling };

class EngineClient : public std::enable_shared_from_this<EngineClient> {
 public:
  /// Whoever listens; taken away, nothing is told any more.
  struct Listeners {
    std::function<void()> open;
    std::function<void(std::string_view message)> data;
    std::function<void()> error;
    std::function<void(std::string_view reason)> close;
  };

  EngineClient(Page& page, std::uint16_t port, Transports transports);
  void open();
  Listeners listeners;

  void write(std::string_view message) { send_packet("4" + std::string(message)); }
  void close();
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] bool upgraded() const { return websocket_ != nullptr && !polling_current_; }
  [[nodiscard]] std::size_t repeated_polls() const { return requests_->repeats(); }

 private:
  enum class State : std::uint8_t { opening, open, closing, closed };
  enum class Polling : std::uint8_t { opening, open, pausing, paused, closed };

  std::string target(std::string_view transport);

  // Polling.
  void poll();
  void polled(int status, const std::string& payload);
  void polling_packet(std::string_view packet);
  void polling_write(const std::vector<std::string>& packets);
  void pause_polling(std::function<void()> paused);
  void polling_error();

  // WebSocket.
  void open_websocket();
  void websocket_write(const std::vector<std::string>& packets);
  void probe();
  void probe_packet(std::string_view packet);
  void probe_failed();

  // The session.
  void packet(std::string_view packet);
  void handshake(std::string_view data);
  void reset_ping_timeout();
  void send_packet(std::string packet);
  void flush();
  void drained();
  void on_error();
  void on_close(std::string_view reason);
  void close_transport();
  void close_now();
  void upgrade_settled();

  Page& page_;
  std::uint16_t port_;
  Transports transports_;
  State state_ = State::opening;
  std::string sid_;
  std::vector<std::string> write_buffer_;
  std::size_t previous_length_ = 0;
  bool writable_ = true;
  bool upgrading_ = false;
  bool close_when_drained_ = false;
  bool close_when_upgraded_ = false;
  Duration ping_timeout_{};
  std::uint64_t ping_arming_ = 0;

  bool polling_current_ = false;  ///< The transport in use.
  Polling polling_ = Polling::opening;
  bool is_polling_ = false;
  bool polling_writable_ = true;
  std::function<void()> on_paused_;
  std::shared_ptr<Requests> requests_;

  std::shared_ptr<WebSocket> websocket_;
  std::shared_ptr<WebSocket> probing_;
  bool probe_answered_ = false;
};

}  // namespace crier::simulation
