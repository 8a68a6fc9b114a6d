#pragma once

// TLS over a non-blocking descriptor that somebody else owns. Nobody outside net/ includes this.

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
  /// Towards a server. The descriptor is connected, or will be when shake_hands() is called first.
  TlsSession(const TlsClient& client, const std::string& host, int descriptor);
  /// Towards a client; reading and writing shake hands as far as needed.
  TlsSession(const TlsServer& server, int descriptor);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Step : std::uint8_t { done, wants_read, wants_write, failed };

  /// Until it is done or has failed: again once the descriptor is what the step wants. Done means
  /// that the server is who it should be. Before that nothing is read or written.
  Step shake_hands();

  /// As Stream's. After a write that would block, the same bytes must be offered first.
  IoResult read(std::span<char> into);
  IoResult write(std::string_view bytes);
  /// As much of the pieces as one record holds.
  IoResult write(std::span<const iovec> pieces);

  /// Bytes are here that the descriptor does not show.
  [[nodiscard]] bool has_unread() const;
  /// The last read (write) that would block waits for the other kind of readiness.
  [[nodiscard]] bool read_waits_for_room() const { return read_waits_for_room_; }
  [[nodiscard]] bool write_waits_for_bytes() const { return write_waits_for_bytes_; }

  /// Tells the peer that nothing more will be written, if that can be told now.
  void say_goodbye();

  /// Why it failed, as a sentence's end.
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
  bool closed_ = false;  ///< The peer has said goodbye.
  std::string failure_;
};

}  // namespace crier::net
