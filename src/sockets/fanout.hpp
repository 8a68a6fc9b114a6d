#pragma once

// The fan-out: writes events to the members of rooms whose frames may be written directly. An event
// is encoded once for all of them, and what one socket gets leaves in one call. Knows no session:
// who fell short is returned.

#include "base/bytes.hpp"
#include "socketio/rooms.hpp"
#include "websocket/deflate.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace crier::sockets {

/// An event encoded once for all who get it.
struct EncodedEvent {
  Bytes message;  ///< The Engine.IO message: `42["name",…]`.
  Bytes frame;    ///< The same as a WebSocket frame.
  /// And as one for those who negotiated permessage-deflate; made when the first of them gets it.
  mutable Bytes deflated = {};
};
/// `arguments` is a JSON array.
EncodedEvent encode_event(std::string_view nsp, std::string_view arguments);
/// The frame for those who negotiated permessage-deflate; good while the event is.
const Bytes& deflated_frame(const EncodedEvent& event, websocket::Deflater& deflater);

/// Frames of which a socket has taken only the first `sent` bytes, 0 if its connection has broken.
struct ShortWrite {
  socketio::Slot slot;
  Bytes frames;
  std::size_t sent;
};

/// Writes the events, in order, to each direct member. `deflater` may be null where no route
/// deflates. Returns who fell short; the rest has to follow before anything else is written there.
std::vector<ShortWrite> fan_out(const socketio::Members& members,
                                std::span<const EncodedEvent> events,
                                websocket::Deflater* deflater);

/// The events for the members of one room.
struct Share {
  const socketio::Members* members;  ///< Null: nobody.
  std::span<const EncodedEvent> events;
};
constexpr std::uint32_t no_place = UINT32_MAX;

/// The same with several rooms: who is in several of them gets all of it in the order of the
/// shares, and in one call. `places` has `no_place` for each slot, before and after. A socket that
/// fell short may have several rests, in order; only the first of them was begun.
std::vector<ShortWrite> fan_out(std::span<const Share> shares, std::span<std::uint32_t> places,
                                websocket::Deflater* deflater);

}  // namespace crier::sockets
