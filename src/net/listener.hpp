#pragma once

#include "net/stream.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace crier::net {

class TlsServer;

/// Whether several listeners of this process, on several loops, have one address and port. The
/// system then spreads new connections over them.
enum class Sharing : std::uint8_t {
  none,
  first,   ///< Others may join. Nobody else may have the port.
  joining  ///< Joins a first one, with its address and port.
};

struct Address {
  std::string ip;          ///< IPv4 or IPv6 literal.
  std::uint16_t port = 0;  ///< 0: any free port.
  Sharing sharing = Sharing::none;
};

/// Accepts TCP connections on one address and hands each to a handler, on the loop's thread, with
/// TCP_NODELAY set. When descriptors or memory run out it says so, pauses for 100 ms, and goes on.
class Listener {
 public:
  using Handler = std::function<void(Stream)>;
  /// Gets the reason, such as "too many open files"; at most ten times a second. It must not
  /// destroy the listener.
  using FailureHandler = std::function<void(const std::string& reason)>;

  /// Binds; with `tls` the streams are encrypted. The system refuses connections until listen().
  /// Fails with one sentence that names address and port, for example when the port is taken.
  static Result<std::unique_ptr<Listener>, std::string> bind(
      Loop& loop, const Address& address, Handler handler,
      std::shared_ptr<const TlsServer> tls = {}, FailureHandler failed = {});
  /// Accepts from now on. Once. Fails as bind() does: another process may have bound the port too,
  /// and have been the first to listen.
  Result<void, std::string> listen();
  /// Both at once.
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
