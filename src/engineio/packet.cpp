// Decodes and encodes packets and payloads.

#include "engineio/packet.hpp"

#include "base/encoding.hpp"

#include <utility>

namespace crier::engineio {

std::optional<Packet> decode_packet(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const char first = text.front();
  const std::string_view rest = text.substr(1);
  if (first == 'b') {
    auto bytes = base64_decode_lenient(rest);
    if (!bytes) return std::nullopt;
    return Packet{PacketType::message, true, {}, *std::move(bytes)};
  }
  if (first < '0' || first > '6') return std::nullopt;
  return Packet{static_cast<PacketType>(first - '0'), false, rest, {}};
}

PollingPayload decode_payload(std::string_view body) {
  PollingPayload payload;
  while (true) {
    const std::size_t end = body.find(separator);
    auto packet = decode_packet(body.substr(0, end));
    if (!packet) {
      payload.malformed = true;
      return payload;
    }
    payload.packets.push_back(*std::move(packet));
    if (end == std::string_view::npos) return payload;
    body.remove_prefix(end + 1);
  }
}

std::string encode_open(const OpenFields& fields) {
  std::string text = "0{\"sid\":\"";
  text += fields.sid;
  text += fields.can_upgrade ? "\",\"upgrades\":[\"websocket\"]" : "\",\"upgrades\":[]";
  text += ",\"pingInterval\":" + std::to_string(fields.ping_interval_ms);
  text += ",\"pingTimeout\":" + std::to_string(fields.ping_timeout_ms);
  text += ",\"maxPayload\":" + std::to_string(fields.payload_bytes_max) + "}";
  return text;
}

}  // namespace crier::engineio
