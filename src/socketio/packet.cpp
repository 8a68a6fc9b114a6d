// Decodes and encodes packets.

#include "socketio/packet.hpp"

#include "base/assert.hpp"
#include "base/json_text.hpp"
#include "socketio/digits.hpp"
#include "socketio/placeholders.hpp"

#include <algorithm>
#include <array>

namespace crier::socketio {
namespace {

constexpr AckId ack_id_max = AckId{1} << 53U;

bool is_binary(PacketType type) {
  return type == PacketType::binary_event || type == PacketType::binary_ack;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view whitespace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(whitespace);
  if (first == std::string_view::npos) return text.substr(0, 0);
  return text.substr(first, text.find_last_not_of(whitespace) + 1 - first);
}

/// Takes the count before `-`. A packet without attachments is not a binary one: 0 is refused, and
/// so is any spelling but the encoder's.
Result<std::uint32_t, DecodeError> take_attachments(std::string_view& text, std::uint32_t max) {
  if (!starts_with_digit(text) || text.front() == '0') {
    return Unexpected{DecodeError::illegal_attachments};
  }
  const std::uint64_t count = take_digits(text, std::uint64_t{max} + 1);
  if (!text.starts_with('-')) return Unexpected{DecodeError::illegal_attachments};
  text.remove_prefix(1);
  if (count > max) return Unexpected{DecodeError::too_many_attachments};
  return static_cast<std::uint32_t>(count);
}

/// Takes the namespace and its comma, which may be missing at the end of the packet.
std::string_view take_namespace(std::string_view& text) {
  if (!text.starts_with('/')) return "/";
  const std::size_t end = std::min(text.find(','), text.size());
  const std::string_view nsp = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return nsp.substr(0, nsp.find('?'));
}

/// Checks an event's name: a string that is not reserved, or a number. `array` is valid JSON.
Result<void, DecodeError> check_event(std::string_view array, std::size_t depth) {
  std::string_view rest = trimmed(array.substr(1));
  if (rest.front() == '-' || starts_with_digit(rest)) return {};
  if (rest.front() != '"') return Unexpected{DecodeError::bad_payload};
  const auto name = json::unquote(rest.substr(0, json::scan_value(rest, depth).value_or(0)));
  if (!name) return Unexpected{DecodeError::bad_payload};
  if (is_reserved(*name)) return Unexpected{DecodeError::reserved_event};
  return {};
}

/// Whether a payload of this packet type may begin with this character.
bool may_begin(PacketType type, char first) {
  switch (type) {
    case PacketType::connect:
      return first == '{';
    case PacketType::disconnect:
      return false;
    case PacketType::connect_error:
      return first == '{' || first == '"';
    case PacketType::event:
    case PacketType::ack:
    case PacketType::binary_event:
    case PacketType::binary_ack:
      return first == '[';
  }
  return false;
}

Result<void, DecodeError> check_payload(const Packet& packet, std::size_t depth) {
  if (!may_begin(packet.type, packet.data.front()) || !json::is_valid(packet.data, depth)) {
    return Unexpected{DecodeError::bad_payload};
  }
  if (is_binary(packet.type) && !placeholders_in_range(packet.data, packet.attachments)) {
    return Unexpected{DecodeError::illegal_placeholder};
  }
  if (packet.type == PacketType::event || packet.type == PacketType::binary_event) {
    return check_event(packet.data, depth);
  }
  return {};
}

}  // namespace

std::string_view to_string(DecodeError error) {
  switch (error) {
    case DecodeError::unknown_type:
      return "unknown packet type";
    case DecodeError::illegal_attachments:
      return "illegal count of attachments";
    case DecodeError::too_many_attachments:
      return "too many attachments";
    case DecodeError::bad_ack_id:
      return "ack id out of range";
    case DecodeError::bad_payload:
      return "invalid payload";
    case DecodeError::reserved_event:
      return "reserved event name";
    case DecodeError::unexpected_text:
      return "text while attachments are awaited";
    case DecodeError::unexpected_binary:
      return "binary message while none is awaited";
    case DecodeError::illegal_placeholder:
      return "placeholder without its attachment";
    case DecodeError::too_long_namespace:
      return "namespace too long";
  }
  return "unknown error";
}

Result<Packet, DecodeError> decode(std::string_view text, const PacketLimits& limits) {
  Packet packet;
  if (text.empty() || text.front() < '0' || text.front() > '6') {
    return Unexpected{DecodeError::unknown_type};
  }
  packet.type = static_cast<PacketType>(text.front() - '0');
  text.remove_prefix(1);
  if (is_binary(packet.type)) {
    const auto attachments = take_attachments(text, limits.attachments_max);
    if (!attachments) return Unexpected{attachments.error()};
    packet.attachments = *attachments;
  }
  packet.nsp = take_namespace(text);
  if (packet.nsp.size() > limits.namespace_bytes_max) {
    return Unexpected{DecodeError::too_long_namespace};
  }
  if (starts_with_digit(text)) {
    packet.id = take_digits(text, ack_id_max + 1);
    if (*packet.id > ack_id_max) return Unexpected{DecodeError::bad_ack_id};
  }
  if (text.empty()) return packet;
  packet.data = trimmed(text);
  if (packet.data.empty()) return Unexpected{DecodeError::bad_payload};
  const auto checked = check_payload(packet, limits.json_depth_max);
  if (!checked) return Unexpected{checked.error()};
  return packet;
}

std::string encode(PacketType type, std::string_view nsp, std::optional<AckId> id,
                   std::string_view data, std::uint32_t attachments) {
  CRIER_ASSERT(is_binary(type) == (attachments > 0));
  CRIER_ASSERT(nsp.starts_with('/') && nsp.find(',') == std::string_view::npos);
  std::string text;
  text.reserve(nsp.size() + data.size() + 32);
  text.push_back(static_cast<char>('0' + static_cast<int>(type)));
  if (attachments > 0) text.append(std::to_string(attachments)).push_back('-');
  if (nsp != "/") text.append(nsp).push_back(',');
  if (id) text.append(std::to_string(*id));
  text.append(data);
  return text;
}

std::string event_array(std::string_view name, const std::vector<std::string_view>& arguments) {
  std::string text = "[" + json::quote(name);
  for (const std::string_view argument : arguments) text.append(",").append(argument);
  text.push_back(']');
  return text;
}

bool is_reserved(std::string_view name) {
  static constexpr std::array<std::string_view, 6> reserved = {
      "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"};
  return std::find(reserved.begin(), reserved.end(), name) != reserved.end();
}

}  // namespace crier::socketio
