#pragma once

// The interface between a connection and what serves its requests.

#include "http/request.hpp"
#include "websocket/frame.hpp"

#include <cstddef>
#include <string_view>

namespace crier::web {

class Connection;

/// What serves the requests of some paths. A connection calls it on the loop's thread; it answers
/// with Connection::answer(), at once or later, and may close the connection inside any call.
class Endpoint {
 public:
  virtual ~Endpoint() = default;

  /// The head of a request is there: how large its body may be. May answer already; then request()
  /// is not called and the connection closes after the answer.
  virtual std::size_t head(Connection& connection, const http::Request& request) = 0;

  /// The request is whole.
  virtual void request(Connection& connection, http::Request& request) = 0;

  /// The body could not be had: too large (413) or malformed (400). Must answer; the connection
  /// closes after the answer.
  virtual void body_failed(Connection& connection, int status) = 0;

  /// The peer went away before its request was answered (`answered`: before it sent another one).
  virtual void lost(Connection& connection, bool answered) = 0;

  /// The peer has taken nothing of what is unsent for slow_reader_timeout; unless it has been
  /// closed when this returns, the connection is reset.
  virtual void stalled(Connection& /*connection*/) {}

  /// Whether a peer that has only ended its sending half still gets the answer.
  [[nodiscard]] virtual bool answers_half_closed() const { return false; }

  // For endpoints that open WebSockets.
  virtual void message(Connection& /*connection*/, const websocket::Message& /*message*/) {}
  /// `error`: by a violation or a reset, not by a close frame or end of stream.
  virtual void websocket_lost(Connection& /*connection*/, bool /*error*/) {}
  /// Its backlog has become empty or, `false`, not empty.
  virtual void writable_changed(Connection& /*connection*/, bool /*writable*/) {}
};

}  // namespace crier::web
