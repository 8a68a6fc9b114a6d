#pragma once

// A Socket.IO client over WebSocket, in as few instructions as it takes: it keeps pid and offset
// like the official one, and counts what it gets.

#include "loop.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace storm {

class Client final : public Ready {
 public:
  struct Shared {
    Loop& loop;
    std::uint16_t port;
    /// It has its CONNECT reply and all that it is owed.
    std::function<void(Client&)> complete;
    /// The server closed or refused it before that.
    std::function<void(Client&)> closed;
    /// ns that an event with a time in it was under way; empty: not measured.
    std::function<void(std::int64_t)> arrived;
    /// Nobody's cursor moves: a client that comes back again is owed the same again.
    bool frozen = false;
  };

  Client(Shared& shared, std::string token, std::uint32_t programs)
      : programs(programs), shared_(shared), token_(std::move(token)) {}

  /// Connects, with its cursor if it has one, and expects `owed` events before it is complete.
  void start(std::uint32_t owed);
  /// The connection is reset: no port stays in TIME_WAIT.
  void cut();
  /// Stops reading, or reads on.
  void read(bool on);

  void ready(std::uint32_t events) override;

  std::uint32_t programs;
  std::uint64_t got = 0;        ///< Events of this connection.
  std::uint64_t total = 0;      ///< Events in all.
  std::uint64_t disorders = 0;  ///< Of them, whose id was not above the one before.
  std::int64_t started = 0;
  bool recovered = false;  ///< The last reply repeated the pid.
  bool open = false;
  bool complete = false;
  std::string verdict;  ///< The last `catchup`.

 private:
  void send(std::string_view bytes);
  void send_packet(std::string_view text);
  std::size_t upgrade(std::string_view bytes);
  std::size_t frames(std::string_view bytes);
  void message(std::string_view text);
  void event(std::string_view text);
  void lost();

  Shared& shared_;
  std::string token_;
  std::string pid_;
  std::string offset_;
  std::string rest_;  ///< Read and not whole yet.
  std::string unsent_;
  int descriptor_ = -1;
  bool upgraded_ = false;
  bool joined_ = false;
  bool stalled_ =
      false;  ///< In this connection, now or before: what arrives is late by its own doing.
  std::uint32_t owed_ = 0;
  std::uint64_t last_ = 0;  ///< The gid of the last event.
};

/// The digits after `name`; 0 when it is not there.
std::uint64_t number_after(std::string_view text, std::string_view name);

}  // namespace storm
