#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace floor_peer {

/// A server's text frame (RFC 6455 section 5.2): not masked.
std::string frame(std::string_view text);

/// A client's frame at the beginning of some bytes.
struct Frame {
  std::uint8_t opcode = 0;
  char* payload = nullptr;
  std::size_t length = 0;
  std::size_t size = 0;  ///< With its head; 0: it has not arrived whole.
};
/// Takes the mask off where the payload stands.
Frame read_frame(char* bytes, std::size_t count);

/// The value of a header field, in the form `\r\nName: `; empty when there is none.
std::string_view field(std::string_view head, std::string_view name);

/// The answer to a WebSocket handshake with `Sec-WebSocket-Key: key` (RFC 6455 section 4.2.2).
std::string switching_protocols(std::string_view key);

/// The Socket.IO text of the event that a POST's body asks for, of exactly `size` bytes where that
/// is enough for it: its `"now":"…"` is the body's.
std::string event_text(std::string_view body, std::size_t size);

}  // namespace floor_peer
