#include "frames.hpp"

namespace load {

void write_frame(std::string& bytes, std::uint8_t opcode, std::string_view payload) {
  constexpr unsigned masked = 0x80;
  bytes += static_cast<char>(0x80U | opcode);
  if (payload.size() < 126) {
    bytes += static_cast<char>(masked | payload.size());
  } else {
    const unsigned width = payload.size() <= 0xFFFF ? 2 : 8;
    bytes += static_cast<char>(masked | (width == 2 ? 126U : 127U));
    for (unsigned i = width; i-- > 0;)
      bytes += static_cast<char>(payload.size() >> (8 * i) & 0xFFU);
  }
  bytes.append(4, '\0');
  bytes += payload;
}

}  // namespace load
