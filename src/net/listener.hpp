#pragma once

// A TCP listener, with or without TLS.

#include "net/stream.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace crier::net {

class TlsServer;

/// Whether several listeners of this process, on several loops, share one address and port. The
/// system then distributes new connections over them.
enum class Sharing : std::uint8_t {
  none,
  first,   ///< Other listeners may join. Other processes cannot use the port.
  joining  ///< Joins the first listener on its address and port.
};

struct Address {
  std::string ip;          ///< IPv4 or IPv6 literal.
  std::uint16_t port = 0;  ///< 0: any free port.
  Sharing sharing = Sharing::none;
};

/// Accepts TCP connections on one address and hands each to a handler, on the loop's thread, with
/// TCP_NODELAY set. When descriptors or memory run out, it calls the failure handler, pauses for
/// 100 ms, and continues.
class Listener {
 public:
  using Handler = std::function<void(Stream)>;
  /// Receives the reason, such as "too many open files", at most ten times a second. It must not
  /// destroy the listener.
  using FailureHandler = std::function<void(const std::string& reason)>;

  /// Binds; with `tls` the streams are encrypted. The system refuses connections until listen().
  /// Fails with one sentence that names address and port, for example when the port is taken.
  static Result<std::unique_ptr<Listener>, std::string> bind(
      Loop& loop, const Address& address, Handler handler,
      std::shared_ptr<const TlsServer> tls = {}, FailureHandler failed = {});
  /// Starts to accept. Call it once. Fails as bind() does: another process may have bound the port
  /// too, and have called listen() first.
  Result<void, std::string> listen();
  /// Calls bind() and listen().
  static Result<std::unique_ptr<Listener>, std::string> open(
      Loop& loop, const Address& address, Handler handler,
      std::shared_ptr<const TlsServer> tls = {}, FailureHandler failed = {});
  ~Listener();  ///< Stops accepting.
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// The port that was bound.
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct State;
  explicit Listener(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace crier::net
