#pragma once

// Socket.IO protocol revision 5: packets as text with binary attachments.
// https://socket.io/docs/v4/socket-io-protocol/

#include "crier/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::socketio {

enum class PacketType : std::uint8_t {
  connect,
  disconnect,
  event,
  ack,
  connect_error,
  binary_event,
  binary_ack,
};

/// Ids above 2^53 are refused: JavaScript could not echo them.
using AckId = std::uint64_t;

/// A decoded packet. Its views refer to the decoded text.
struct Packet {
  PacketType type = PacketType::event;
  std::string_view nsp = "/";  ///< Always with a leading `/`; without the query.
  std::optional<AckId> id;
  std::string_view data;          ///< JSON text; empty if absent.
  std::uint32_t attachments = 0;  ///< How many binary messages follow.
};

enum class DecodeError : std::uint8_t {
  unknown_type,
  illegal_attachments,
  too_many_attachments,
  bad_ack_id,
  bad_payload,  ///< Not JSON, or not of the shape that the type demands.
  reserved_event,
  unexpected_text,    ///< Text came while attachments are awaited.
  unexpected_binary,  ///< Binary data came while no attachment is awaited.
  illegal_placeholder,
  too_long_namespace,
};
std::string_view to_string(DecodeError error);

struct PacketLimits {
  std::uint32_t attachments_max = 10;
  std::size_t json_depth_max = 512;
  std::size_t namespace_bytes_max = 128;
};

/// Decodes one text (without the Engine.IO `4`) and checks the payload's shape: CONNECT an object
/// or nothing; DISCONNECT nothing; EVENT an array that begins with a name that is not reserved, or
/// a number; ACK an array; CONNECT_ERROR an object or string. `42` without payload is legal.
Result<Packet, DecodeError> decode(std::string_view text, const PacketLimits& limits);

/// The text of a packet (without the Engine.IO `4`). `data` is JSON text, may be empty.
std::string encode(PacketType type, std::string_view nsp, std::optional<AckId> id,
                   std::string_view data, std::uint32_t attachments = 0);

/// `["name",arg,arg]` from a name and JSON arguments.
std::string event_array(std::string_view name, const std::vector<std::string_view>& arguments);

/// Whether the name may not be used for an application's event (connect, connect_error,
/// disconnect, disconnecting, newListener, removeListener).
bool is_reserved(std::string_view name);

}  // namespace crier::socketio
