#pragma once

// Parses HTTP/1.1 requests (RFC 9112), strictly where leniency lets requests be smuggled past a
// proxy: no obsolete line folding, no bare LF, one Host in HTTP/1.1, Content-Length once,
// Transfer-Encoding exactly `chunked` and never beside Content-Length.

#include "http/request.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace crier::http {

struct Limits {
  std::size_t header_bytes_max = 16 * 1024;  ///< Request line and headers together; the same limit
                                             ///< holds for chunk extensions and trailers together.
  std::size_t headers_max = 100;             ///< Limit on header fields.
  std::size_t body_bytes_max = 1'000'000;    ///< Limit on the body's bytes, without chunking.
};

enum class Progress : std::uint8_t {
  more,      ///< All input is consumed; feed more.
  head,      ///< The headers are in request(); reported once for each request. The body limit may
             ///< be set now.
  complete,  ///< request() is complete; bytes after it are left in the input.
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

  /// Consumes bytes from the front of `input`. After `head` call it again, even with no input left;
  /// after `more` with more input; after `complete` take the request first and call reset().
  /// `failed` is final.
  Progress receive(std::string_view& input);

  /// Overrides the body limit for the request whose head was just seen.
  void set_body_bytes_max(std::size_t bytes);

  /// The request: its headers are valid from `head` on, its body from `complete` on. It may be
  /// moved from after `complete`.
  [[nodiscard]] Request& request();

  /// After `failed`: 400, 413 (body), 431 (headers), 501 (transfer coding), 505 (version).
  [[nodiscard]] int status() const;

  /// Whether any byte of a request that is not complete has been seen (for deadlines).
  [[nodiscard]] bool in_request() const;

  /// Prepares for the next request.
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace crier::http
