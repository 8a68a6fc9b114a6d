#pragma once

// HTTP/1.1 requests from bytes (RFC 9112), strict where leniency lets requests be smuggled past a
// proxy: no obsolete line folding, no bare LF, one Host in HTTP/1.1, Content-Length once,
// Transfer-Encoding exactly `chunked` and never beside Content-Length.

#include "http/request.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace crier::http {

struct Limits {
  std::size_t header_bytes_max = 16 * 1024;  ///< Request line and headers together, in bytes; and
                                             ///< again chunk extensions and trailers together.
  std::size_t headers_max = 100;             ///< Header fields.
  std::size_t body_bytes_max = 1'000'000;    ///< In bytes, after removing chunking.
};

enum class Progress : std::uint8_t {
  more,      ///< All input is used; feed more.
  head,      ///< The headers are in request(), once a request: the body limit may be set now.
  complete,  ///< request() is whole; bytes after it are left in the input.
  failed,    ///< See status(); the connection must be closed after the answer.
};

/// Parses one request after another. Does no I/O. Its outcome does not depend on how the bytes are
/// cut into pieces.
class Parser {
 public:
  explicit Parser(const Limits& limits);
  ~Parser();
  Parser(Parser&&) noexcept;
  Parser& operator=(Parser&&) noexcept;

  /// Uses up bytes from the front of `input`. After `head` call again, even with no input left;
  /// after `more` with more of it; after `complete` take the request first, and call reset().
  /// Once `failed` it stays so.
  Progress receive(std::string_view& input);

  /// Overrides the body limit for the request whose head was just seen.
  void set_body_bytes_max(std::size_t bytes);

  /// Headers are there from `head` on, the body from `complete` on; may be moved from then.
  [[nodiscard]] Request& request();

  /// After `failed`: 400, 413 (body), 431 (headers), 501 (transfer coding), 505 (version).
  [[nodiscard]] int status() const;

  /// Whether any byte of a request that is not complete has been seen (for deadlines).
  [[nodiscard]] bool in_request() const;

  /// Ready for the next request.
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace crier::http
