// Fuzzes the decoder of packets: a decoded packet lies within its input, its data is valid JSON,
// and decode → encode → decode does not change it.
#include "base/assert.hpp"
#include "base/json_text.hpp"
#include "one_input.hpp"
#include "socketio/packet.hpp"

#include <functional>
#include <string>

using namespace crier;
using socketio::Packet;

namespace {

bool within(std::string_view part, std::string_view whole) {
  const std::less_equal<> not_after;
  return not_after(whole.data(), part.data()) &&
         not_after(part.data() + part.size(), whole.data() + whole.size());
}

void check(std::string_view text) {
  const socketio::PacketLimits limits;
  const auto packet = decode(text, limits);
  if (!packet) {
    CRIER_ASSERT(!to_string(packet.error()).empty());
    return;
  }
  CRIER_ASSERT(packet->nsp == "/" || within(packet->nsp, text));
  CRIER_ASSERT(packet->nsp.starts_with('/') && packet->nsp.size() <= limits.namespace_bytes_max);
  CRIER_ASSERT(packet->attachments <= limits.attachments_max);
  if (!packet->data.empty()) {
    CRIER_ASSERT(within(packet->data, text));
    CRIER_ASSERT(json::is_valid(packet->data, limits.json_depth_max));
  }
  const std::string encoded =
      encode(packet->type, packet->nsp, packet->id, packet->data, packet->attachments);
  const auto again = decode(encoded, limits);
  CRIER_ASSERT(again.has_value());
  CRIER_ASSERT(again->type == packet->type && again->nsp == packet->nsp &&
               again->id == packet->id && again->data == packet->data &&
               again->attachments == packet->attachments);
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  check(input);
  check(input.substr(0, split));
}
