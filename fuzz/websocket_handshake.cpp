// Fuzzes the opening handshake. The input's lines are version, key and subprotocols. No answer may
// contain a line that the client chose.
#include "base/assert.hpp"
#include "one_input.hpp"
#include "websocket/handshake.hpp"

#include <algorithm>
#include <string>

namespace {

std::string_view take_line(std::string_view& input) {
  const std::string_view line = input.substr(0, input.find('\n'));
  input.remove_prefix(std::min(input.size(), line.size() + 1));
  return line;
}

}  // namespace

void one_input(std::string_view input, std::size_t) {
  crier::websocket::HandshakeHeaders headers;
  headers.version = take_line(input);
  headers.key = take_line(input);
  headers.protocol = input;
  if (crier::websocket::check(headers)) headers = {"13", "dGhlIHNhbXBsZSBub25jZQ==", input};

  const std::string response = crier::websocket::accept_response(headers);
  const auto lines = std::ranges::count(response, '\n');
  const bool echoes = response.find("\r\nSec-WebSocket-Protocol: ") != std::string::npos;
  CRIER_ASSERT(lines == (echoes ? 6 : 5));
  CRIER_ASSERT(std::ranges::count(response, '\r') == lines && response.ends_with("\r\n\r\n"));
}
