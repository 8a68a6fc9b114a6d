#pragma once

// A connected byte stream over TCP or TLS, and connecting to a host.

#include "crier/result.hpp"
#include "net/loop.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <sys/uio.h>

namespace crier::net {

class TlsClient;

/// The outcome of one non-blocking read or write.
enum class IoStatus : std::uint8_t {
  done,         ///< `bytes` were moved (at least one).
  would_block,  ///< Nothing now; wait for readiness.
  closed,       ///< Read: the peer will send no more.
  failed,       ///< Reset, or any other error: the stream is unusable.
};
struct IoResult {
  IoStatus status;
  std::size_t bytes = 0;
};

/// Receives a stream's notifications; a stream has one user. The user may destroy the stream inside
/// either call.
class StreamUser {
 public:
  virtual void on_readable() = 0;
  virtual void on_writable() = 0;

 protected:
  ~StreamUser() = default;
};

/// A connected stream that is on no loop, and may be moved to another thread. Its destructor closes
/// the connection.
class Detached {
 public:
  struct State;  // implementation

  explicit Detached(std::unique_ptr<State> state);
  Detached(Detached&&) noexcept;
  Detached& operator=(Detached&&) noexcept;
  ~Detached();

 private:
  friend std::optional<class Stream> attach(Loop& loop, Detached detached);
  std::unique_ptr<State> state_;
};

/// One connected byte stream over TCP, or over TLS if Connecting or Listener was given it;
/// non-blocking, and without own buffers. A stream accepted with TLS does its handshake in the
/// first reads and writes. The destructor closes the descriptor; no handler runs afterwards.
class Stream {
 public:
  struct State;  // implementation

  explicit Stream(std::shared_ptr<State> state);
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  /// Sets the user. It must outlive the stream or be replaced before its end.
  void set_user(StreamUser& user);

  /// Asks for one on_readable() (on_writable()) when a read (write) would make progress. One
  /// request of each kind at a time; a second one while waiting is ignored.
  void wait_readable();
  void wait_writable();

  /// Reads what is there, up to the size of `into`, which must not be empty.
  IoResult read(std::span<char> into);
  /// Writing nothing is done at once. With TLS, a write that would block must be retried with the
  /// same bytes.
  IoResult write(std::string_view bytes);
  /// Writes at most this many pieces, or 16 KiB with TLS; the rest is not written.
  static constexpr std::size_t pieces_max = 1024;
  IoResult write(std::span<const iovec> pieces);

  /// Ends the sending direction (FIN). Reading continues.
  void shut_down_write();

  /// Whether the peer has acknowledged all bytes that were written.
  [[nodiscard]] bool all_acknowledged() const;

  /// Makes closing send a reset (RST) instead of a FIN.
  void reset_on_close();

  /// The file descriptor, for direct sends of shared frames; good while the stream lives. -1 with
  /// TLS.
  [[nodiscard]] int descriptor() const;

  /// The reason of a failed read or write, as the end of a sentence.
  [[nodiscard]] std::string failure() const;

  /// `127.0.0.1` or `::1`; taken at accept.
  [[nodiscard]] std::string peer_address() const;

  /// Takes the connection from its loop, on that loop's thread: waits end without a notification,
  /// and no handler runs any more. Unread bytes are kept.
  Detached detach() &&;

 private:
  std::shared_ptr<State> state_;
};

/// Puts the connection on `loop`, on that loop's thread; it has no user at first. If the loop
/// cannot watch it, closes it and returns nothing.
std::optional<Stream> attach(Loop& loop, Detached detached);

/// One non-blocking send without a Stream, as the fan-out uses it (MSG_NOSIGNAL).
IoResult send_now(int descriptor, std::string_view bytes);

/// Connects to a host (name or address) and port. Calls `done` once on the loop, with a stream or
/// with one sentence on the failure, at the latest after `timeout`. With `tls` the stream is
/// encrypted and the server's certificate has been verified for `host`. The destructor cancels;
/// `done` is then not called.
class Connecting {
 public:
  using Done = std::function<void(Result<Stream, std::string>)>;
  Connecting(Loop& loop, const std::string& host, std::uint16_t port, Duration timeout, Done done,
             std::shared_ptr<const TlsClient> tls = {});
  ~Connecting();
  Connecting(const Connecting&) = delete;
  Connecting& operator=(const Connecting&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace crier::net
