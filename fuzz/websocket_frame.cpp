// Fuzzes a client's frames: the messages must not depend on the split, must keep the limits, and
// must be read again from the frames that this server would write.
#include "base/assert.hpp"
#include "base/encoding.hpp"
#include "one_input.hpp"
#include "websocket/frame.hpp"

#include <string>
#include <vector>

namespace {

using crier::websocket::Message;
using crier::websocket::Opcode;
using crier::websocket::Reader;
using crier::websocket::ReaderLimits;

constexpr ReaderLimits limits{.message_bytes_max = 300, .fragments_max = 4};

void check(const Message& message) {
  const bool data = message.opcode == Opcode::text || message.opcode == Opcode::binary;
  CRIER_ASSERT(message.data.size() <= (data ? limits.message_bytes_max : 125));
  if (message.opcode == Opcode::text || message.opcode == Opcode::close) {
    CRIER_ASSERT(crier::is_utf8(message.data));
  }
}

/// Appends the results for `bytes` to `out`; false after an error.
bool feed(Reader& reader, std::string_view bytes, std::string& out) {
  std::vector<char> own(bytes.begin(), bytes.end());
  std::span<char> input(own);
  for (;;) {
    const auto message = reader.next(input);
    if (!message) {
      CRIER_ASSERT(reader.held_bytes() == 0);
      out += "!" + std::to_string(static_cast<int>(message.error()));
      return false;
    }
    if (!*message) break;
    check(**message);
    out += std::to_string(static_cast<int>((**message).opcode)) + ":" +
           std::to_string(static_cast<int>((**message).close_code)) + ":" +
           crier::hex_encode((**message).data) + "\n";
  }
  CRIER_ASSERT(input.empty());
  CRIER_ASSERT(reader.held_bytes() < 4 * limits.message_bytes_max);
  return true;
}

void read_back(std::string_view payload) {
  std::string written = crier::websocket::frame(Opcode::binary, payload);
  const std::size_t header = written.size() - payload.size();
  written[1] = static_cast<char>(written[1] | 0x80);
  written.insert(header, 4, '\0');  // a mask that changes nothing
  const ReaderLimits large{.message_bytes_max = payload.size()};
  Reader reader(large);
  std::span<char> input(written);
  const auto message = reader.next(input);
  CRIER_ASSERT(message && *message && (**message).data == payload);
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  std::string whole;
  Reader first(limits);
  const bool sound = feed(first, input, whole);

  std::string halves;
  Reader second(limits);
  if (feed(second, input.substr(0, split), halves)) feed(second, input.substr(split), halves);
  CRIER_ASSERT(whole == halves);
  if (sound) CRIER_ASSERT((first.held_bytes() == 0) == (second.held_bytes() == 0));

  read_back(input);
  read_back(input.substr(split));
}
