// The path of an event to each of its direct members: no look-up, no allocation a member.
#include "sockets/fanout.hpp"

#include "base/assert.hpp"
#include "net/stream.hpp"
#include "socketio/packet.hpp"
#include "websocket/frame.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

namespace crier::sockets {

EncodedEvent encode_event(std::string_view nsp, std::string_view arguments) {
  std::string message =
      "4" + socketio::encode(socketio::PacketType::event, nsp, std::nullopt, arguments);
  Bytes frame(websocket::frame(websocket::Opcode::text, message));
  return {Bytes(std::move(message)), std::move(frame)};
}

const Bytes& deflated_frame(const EncodedEvent& event, websocket::Deflater& deflater) {
  if (event.deflated.empty()) {
    auto frame = deflater.frame(websocket::Opcode::text, event.message.view());
    event.deflated = frame ? Bytes(*std::move(frame)) : event.frame;
  }
  return event.deflated;
}

namespace {

using Frames = std::array<Bytes, 2>;  // plain and deflated, each made for the first who gets it

/// The events' frames, to be written in one call.
Bytes joined(std::span<const EncodedEvent> events, bool deflate, websocket::Deflater* deflater) {
  CRIER_ASSERT(!deflate || deflater != nullptr);
  const auto frame = [&](const EncodedEvent& event) -> const Bytes& {
    return deflate ? deflated_frame(event, *deflater) : event.frame;
  };
  if (events.size() == 1) return frame(events.front());
  std::string frames;
  for (const auto& event : events) frames.append(frame(event).view());
  return Bytes(std::move(frames));
}

}  // namespace

std::vector<ShortWrite> fan_out(const socketio::Members& members,
                                std::span<const EncodedEvent> events,
                                websocket::Deflater* deflater) {
  std::vector<ShortWrite> fell_short;
  Frames frames;
  for (const socketio::Route& route : members.direct) {
    const bool deflate = route.deflates;
    if (frames[deflate].empty()) [[unlikely]]
      frames[deflate] = joined(events, deflate, deflater);
    const std::string_view bytes = frames[deflate].view();
    const auto result = net::send_now(route.descriptor, bytes);
    if (result.bytes == bytes.size()) [[likely]]
      continue;
    fell_short.push_back({route.slot, frames[deflate], result.bytes});
  }
  return fell_short;
}

namespace {

/// What each of some sockets gets from several shares: a chain of frames.
class Gathering {
 public:
  struct Socket {
    socketio::Route route;
    std::uint32_t first;
    std::uint32_t last;
  };

  explicit Gathering(std::span<std::uint32_t> places) : places_(places) {}

  void add(const socketio::Route& route, const Bytes& frames) {
    const auto piece = static_cast<std::uint32_t>(pieces_.size());
    pieces_.push_back({&frames, no_place});
    std::uint32_t& place = places_[route.slot];
    if (place == no_place) {
      place = static_cast<std::uint32_t>(sockets_.size());
      sockets_.push_back({route, piece, piece});
    } else {
      pieces_[std::exchange(sockets_[place].last, piece)].next = piece;
    }
  }

  /// Calls `write` with each socket and its bytes, which are good until it returns.
  template <class Write>
  void each(Write write) {
    std::string several;
    for (const Socket& socket : sockets_) {
      places_[socket.route.slot] = no_place;
      if (socket.first == socket.last) {
        write(socket, pieces_[socket.first].frames->view());
        continue;
      }
      several.clear();
      for (std::uint32_t at = socket.first; at != no_place; at = pieces_[at].next) {
        several.append(pieces_[at].frames->view());
      }
      write(socket, std::string_view(several));
    }
  }

  /// Appends what is left of its frames when `sent` bytes have been written. They are those that
  /// all sockets share: who does not read costs no copy.
  void rest(const Socket& socket, std::size_t sent, std::vector<ShortWrite>& rests) const {
    for (std::uint32_t at = socket.first; at != no_place; at = pieces_[at].next) {
      const Bytes& frames = *pieces_[at].frames;
      const std::size_t of_these = std::min(sent, frames.size());
      sent -= of_these;
      if (of_these < frames.size()) rests.push_back({socket.route.slot, frames, of_these});
    }
  }

 private:
  struct Piece {
    const Bytes* frames;
    std::uint32_t next;
  };
  std::span<std::uint32_t> places_;
  std::vector<Piece> pieces_;
  std::vector<Socket> sockets_;
};

}  // namespace

std::vector<ShortWrite> fan_out(std::span<const Share> shares, std::span<std::uint32_t> places,
                                websocket::Deflater* deflater) {
  std::vector<Frames> frames(shares.size());
  Gathering gathering(places);
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (shares[i].members == nullptr) continue;
    for (const socketio::Route& route : shares[i].members->direct) {
      Bytes& mine = frames[i][route.deflates];
      if (mine.empty()) mine = joined(shares[i].events, route.deflates, deflater);
      gathering.add(route, mine);
    }
  }
  std::vector<ShortWrite> fell_short;
  gathering.each([&](const Gathering::Socket& socket, std::string_view bytes) {
    const auto result = net::send_now(socket.route.descriptor, bytes);
    if (result.bytes < bytes.size()) gathering.rest(socket, result.bytes, fell_short);
  });
  return fell_short;
}

}  // namespace crier::sockets
