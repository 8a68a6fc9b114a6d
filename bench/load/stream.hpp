#pragma once

// One connection, plain or TLS, that never blocks.

#include "loop.hpp"
#include "target.hpp"
#include "tls.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace load {

/// Where to connect to, and how.
struct Route {
  Address to;
  const Address* from = nullptr;  ///< The source, or the kernel's choice.
  const Tls* tls = nullptr;       ///< Null: plain.
  int receive_buffer = 0;         ///< Bytes of the kernel's; 0: the kernel's choice.
};

class Stream {
 public:
  Stream() = default;
  ~Stream() { reset(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Begins to connect; `owner` hears of it from `loop`. False: it cannot, problem() says why.
  [[nodiscard]] bool open(const Loop& loop, const Route& route, Ready& owner);

  /// Ends at once, with a reset: no port stays behind.
  void reset();

  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }

  /// Bytes read into `buffer`; 0 when there is nothing now; -1 when the connection is over, as
  /// problem() says.
  [[nodiscard]] long read(char* buffer, std::size_t size);

  /// Sends, now or as soon as there is room.
  void send(std::string_view bytes);

  /// Sends what waits; the owner calls it when it is ready for output.
  void flush() {
    if (!unsent_.empty()) send_unsent();
  }

  /// TLS keeps what it has read: read() until it answers 0. Otherwise a read that does not fill the
  /// buffer is enough.
  [[nodiscard]] bool buffers() const { return tls_ != nullptr; }

  /// Why it is over: "Connection refused", "closed by the server", …
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  long write(std::string_view bytes);
  void send_unsent();
  bool refuse(int error);
  long fail(int error);
  long tls_result(int result);

  int descriptor_ = -1;
  Ssl tls_;
  std::string unsent_;
  std::string problem_;
};

}  // namespace load
