// Fuzzes the decoder of polling payloads: decoded packets must be parts of the input, and encode to
// it again.
#include "base/encoding.hpp"
#include "engineio/packet.hpp"
#include "one_input.hpp"

#include <cstdlib>

using namespace crier;
using namespace crier::engineio;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

std::string encode(const Packet& packet) {
  if (packet.binary) return "b" + base64_encode(packet.data());
  return static_cast<char>('0' + static_cast<int>(packet.type)) + std::string(packet.data());
}

bool within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  const PollingPayload payload = decode_payload(input);
  std::string encoded;
  for (const Packet& packet : payload.packets) {
    check(within(packet.view, input));
    check(packet.binary ? packet.type == PacketType::message && packet.view.empty()
                        : packet.decoded.empty());
    if (&packet != &payload.packets.front()) encoded += separator;
    encoded += encode(packet);
  }
  if (!payload.packets.empty()) {
    // The encoder does not write base64 in its lenient forms; the meaning must be the same.
    const PollingPayload again = decode_payload(encoded);
    check(!again.malformed && again.packets.size() == payload.packets.size());
    for (std::size_t i = 0; i < again.packets.size(); ++i) {
      check(again.packets[i].type == payload.packets[i].type);
      check(again.packets[i].binary == payload.packets[i].binary);
      check(again.packets[i].data() == payload.packets[i].data());
    }
  } else {
    check(payload.malformed);
  }
  // Whole packets before the cut do not depend on what follows it.
  const std::string_view head = input.substr(0, split);
  if (split < input.size() && input[split] == separator) {
    const PollingPayload before = decode_payload(head);
    check(before.packets.size() <= payload.packets.size());
    for (std::size_t i = 0; i < before.packets.size(); ++i) {
      check(before.packets[i].data() == payload.packets[i].data());
    }
    check(!before.malformed || payload.malformed);
  }
}
