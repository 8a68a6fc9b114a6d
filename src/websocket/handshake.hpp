#pragma once

// The server's half of the opening handshake, RFC 6455 section 4.2.

#include <optional>
#include <string>
#include <string_view>

namespace crier::websocket {

/// Why an upgrade request is refused (all are 400).
enum class HandshakeError : std::uint8_t { bad_version, bad_key };

struct HandshakeHeaders {
  std::string_view version;   ///< Sec-WebSocket-Version; must be 13 (or 8).
  std::string_view key;       ///< Sec-WebSocket-Key; 16 bytes in base64.
  std::string_view protocol;  ///< Sec-WebSocket-Protocol; the first one is echoed.
};

std::optional<HandshakeError> check(const HandshakeHeaders& headers);

/// The 101 response, up to and including the empty line. `extra` holds further header lines, each
/// with its CRLF. check() must have passed.
std::string accept_response(const HandshakeHeaders& headers, std::string_view extra = {});

}  // namespace crier::websocket
