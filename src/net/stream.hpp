#pragma once

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

/// What became of one non-blocking read or write.
enum class IoStatus : std::uint8_t {
  done,         ///< `bytes` were moved (at least one).
  would_block,  ///< Nothing now; wait for readiness.
  closed,       ///< Read: the peer will send no more.
  failed,       ///< Reset, or any other error: the stream is useless.
};
struct IoResult {
  IoStatus status;
  std::size_t bytes = 0;
};

/// What a stream tells its one user. The user may destroy the stream inside either call.
class StreamUser {
 public:
  virtual void on_readable() = 0;
  virtual void on_writable() = 0;

 protected:
  ~StreamUser() = default;
};

/// A connected stream between two loops: nobody watches it. May go to another thread. Closes the
/// connection if it is dropped.
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

/// One connected byte stream over TCP, or TLS where Connecting or Listener was asked for it;
/// non-blocking, and without buffers of its own. One that was accepted with TLS shakes hands as it
/// is first read or written. A resource: destroying it closes the descriptor and no handler of it
/// runs afterwards.
class Stream {
 public:
  struct State;  // implementation

  explicit Stream(std::shared_ptr<State> state);
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  /// Who is told. Must outlive the stream or be replaced before it dies.
  void set_user(StreamUser& user);

  /// Asks for one on_readable() (on_writable()) when a read (write) would make progress. One
  /// request of each kind at a time; a second one while waiting is ignored.
  void wait_readable();
  void wait_writable();

  /// `into` must have room.
  IoResult read(std::span<char> into);
  /// Writing nothing is done at once. With TLS, bytes that would block must be offered again.
  IoResult write(std::string_view bytes);
  /// Gathers at most this many pieces, or 16 KiB with TLS; what is beyond them is not written.
  static constexpr std::size_t pieces_max = 1024;
  IoResult write(std::span<const iovec> pieces);

  /// Tells the peer that no more will be sent (FIN). Reading goes on.
  void shut_down_write();

  /// Whether the peer has acknowledged all bytes that were written.
  [[nodiscard]] bool all_acknowledged() const;

  /// Makes closing send a reset (RST) instead of a FIN.
  void reset_on_close();

  /// The file descriptor, for direct sends of shared frames; good while the stream lives. -1 with
  /// TLS.
  [[nodiscard]] int descriptor() const;

  /// Why reading or writing failed, as a sentence's end.
  [[nodiscard]] std::string failure() const;

  /// `127.0.0.1` or `::1`; taken at accept.
  [[nodiscard]] std::string peer_address() const;

  /// Takes the connection from its loop, on that loop's thread: waits end without telling anybody,
  /// and no handler runs any more. Bytes that were not read are not lost.
  Detached detach() &&;

 private:
  std::shared_ptr<State> state_;
};

/// Puts the connection on `loop`, on that loop's thread; it has no user yet. If the loop cannot
/// watch it, closes it and returns nothing.
std::optional<Stream> attach(Loop& loop, Detached detached);

/// One non-blocking send without a Stream, as the fan-out uses it (MSG_NOSIGNAL).
IoResult send_now(int descriptor, std::string_view bytes);

/// Connects to host (name or address) and port; calls `done` once on the loop, with a stream or
/// one sentence saying why not, at the latest after `timeout`. With `tls` the stream is encrypted
/// and the server's certificate is valid for `host`. Destroying the returned object cancels; `done`
/// is then not called.
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
