#pragma once

// Frames of RFC 6455, read where they lie and written with a mask of zero.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace load {

struct Frame {
  enum Opcode : std::uint8_t {
    continuation = 0,
    text = 1,
    binary = 2,
    close = 8,
    ping = 9,
    pong = 10
  };
  std::uint8_t opcode = 0;
  bool final = true;
  std::string_view payload;  ///< Of the bytes that it was read from.
};

/// How many bytes the frame at the beginning of `bytes` takes; 0 when it is not whole yet. `frame`
/// is what it says. What no server may send (a mask, reserved bits: section 5.2) is not looked for.
inline std::size_t read_frame(std::string_view bytes, Frame& frame) {
  if (bytes.size() < 2) return 0;
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  std::uint64_t length = byte(1) & 0x7FU;
  std::size_t head = 2;
  if (length >= 126) {
    head = length == 126 ? 4 : 10;
    if (bytes.size() < head) return 0;
    length = 0;
    for (std::size_t i = 2; i < head; ++i) length = length << 8U | byte(i);
  }
  if (bytes.size() - head < length) return 0;
  frame.opcode = byte(0) & 0x0FU;
  frame.final = (byte(0) & 0x80U) != 0;
  frame.payload = bytes.substr(head, length);
  return head + length;
}

/// Appends one whole message of a client to `bytes`.
void write_frame(std::string& bytes, std::uint8_t opcode, std::string_view payload);

}  // namespace load
