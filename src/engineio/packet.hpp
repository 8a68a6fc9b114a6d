#pragma once

// Engine.IO protocol revision 4: packets and the polling payload.
// https://socket.io/docs/v4/engine-io-protocol/

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::engineio {

enum class PacketType : std::uint8_t { open, close, ping, pong, message, upgrade, noop };

/// One received packet. A binary packet is always a message.
struct Packet {
  PacketType type = PacketType::noop;
  bool binary = false;
  std::string_view view;  ///< What follows the type digit; a part of the input. Empty if binary.
  std::string decoded;    ///< The bytes of a binary packet, which came as base64.

  [[nodiscard]] std::string_view data() const { return binary ? std::string_view(decoded) : view; }
};

/// One packet as text: type digit and data, or `b` and base64. Nothing if it is malformed.
std::optional<Packet> decode_packet(std::string_view text);

/// Separates the packets of a polling payload.
constexpr char separator = '\x1e';

/// The packets of a polling payload. If one is malformed, `malformed` is set and the packets before
/// it are kept. The packets' views are valid as long as `body`.
struct PollingPayload {
  std::vector<Packet> packets;
  bool malformed = false;
};
PollingPayload decode_payload(std::string_view body);

/// The fields of the open packet, whose text is `0{"sid":…,"upgrades":[…],"pingInterval":…,…}`,
/// with keys in Node's order. `sid` consists of base64url characters.
struct OpenFields {
  std::string_view sid;
  bool can_upgrade = false;
  std::int64_t ping_interval_ms = 0;
  std::int64_t ping_timeout_ms = 0;
  std::size_t payload_bytes_max = 0;
};
std::string encode_open(const OpenFields& fields);

}  // namespace crier::engineio
