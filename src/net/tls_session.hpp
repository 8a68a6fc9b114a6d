#pragma once

// TLS over a non-blocking descriptor that the caller owns. Only net/ includes this header.

#include "net/stream.hpp"
#include "net/tls.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>

struct ssl_st;

namespace crier::net {

class TlsSession {
 public:
  /// The client's end. The descriptor is connected, or will be when shake_hands() is first called.
  TlsSession(const TlsClient& client, const std::string& host, int descriptor);
  /// The server's end; reads and writes do the handshake as needed.
  TlsSession(const TlsServer& server, int descriptor);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Step : std::uint8_t { done, wants_read, wants_write, failed };

  /// Continues the handshake. Call it until it is done or has failed, each time when the descriptor
  /// has the readiness that the step wants. `done` means that the server's certificate was
  /// verified. Do not read or write before.
  Step shake_hands();

  /// Reads or writes as Stream does. After a write that would block, the next write must begin with
  /// the same bytes.
  IoResult read(std::span<char> into);
  IoResult write(std::string_view bytes);
  /// Writes as much of the pieces as one record holds.
  IoResult write(std::span<const iovec> pieces);

  /// Whether bytes are buffered for which the descriptor does not become readable.
  [[nodiscard]] bool has_unread() const;
  /// Whether the last read (write) that would block waits for the other kind of readiness.
  [[nodiscard]] bool read_waits_for_room() const { return read_waits_for_room_; }
  [[nodiscard]] bool write_waits_for_bytes() const { return write_waits_for_bytes_; }

  /// Sends a close_notify, if that is possible without blocking.
  void say_goodbye();

  /// The reason of the failure, as the end of a sentence.
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  void use_descriptor();
  Step judge(int result);
  IoResult outcome(Step step, std::size_t bytes);

  int descriptor_;
  ssl_st* tls_;
  bool read_blocked_ = false;
  bool read_waits_for_room_ = false;
  bool write_waits_for_bytes_ = false;
  bool closed_ = false;  ///< The peer has sent its close_notify.
  std::string failure_;
};

}  // namespace crier::net
