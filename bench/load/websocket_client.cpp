#include "websocket_client.hpp"

#include "clock.hpp"

#include <algorithm>
#include <sys/epoll.h>

namespace load {

void WebSocketClient::connect() {
  upgraded_ = false;
  rest_.clear();
  fragment_.clear();
  if (!stream_.open(shared().loop, route(), *this)) {
    lose("connect", stream_.problem());
    return;
  }
  stream_.send("GET " + shared().path +
               "?EIO=4&transport=websocket HTTP/1.1\r\nHost: " + shared().url.authority() +
               "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
}

void WebSocketClient::disconnect() { stream_.reset(); }

void WebSocketClient::transmit(std::string_view packet) {
  std::string bytes;
  bytes.reserve(packet.size() + 14);
  write_frame(bytes, Frame::text, packet);
  stream_.send(bytes);
}

void WebSocketClient::ready(std::uint32_t events) {
  if (!open()) return;  // Closed earlier in this turn.
  if (paused()) {
    if ((events & (EPOLLHUP | EPOLLERR)) != 0)
      lose("closed by the server", "while it did not read");
    return;
  }
  stream_.flush();
  if (events == EPOLLOUT) return;  // Connected: there is nothing to read yet.
  const bool to_the_end = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 || stream_.buffers();
  while (read(SIZE_MAX, to_the_end)) {
  }
}

void WebSocketClient::sip(std::size_t most) {
  if (open()) read(most, false);
}

/// Whether there may be more to read.
bool WebSocketClient::read(std::size_t most, bool to_the_end) {
  std::vector<char>& buffer = shared().buffer;
  const std::size_t kept = rest_.size();
  if (buffer.size() - kept < buffer.size() / 2) buffer.resize(buffer.size() * 2);
  if (kept > 0) std::copy(rest_.begin(), rest_.end(), buffer.begin());
  const std::size_t room = std::min(most, buffer.size() - kept);
  const long count = stream_.read(buffer.data() + kept, room);
  if (count == 0) return false;
  if (count < 0) {
    lose(joined() ? "connection lost" : "connect", stream_.problem());
    return false;
  }
  const std::int64_t now = nanoseconds();
  const std::string_view bytes(buffer.data(), kept + static_cast<std::size_t>(count));
  std::size_t taken = upgraded_ ? 0 : upgrade(bytes);
  if (upgraded_) taken += frames(bytes.substr(taken), now);
  if (has_delivery()) ++shared().reads;
  if (!open()) return false;
  if (taken < bytes.size() || kept > 0) rest_ = bytes.substr(taken);
  return to_the_end || static_cast<std::size_t>(count) == room;
}

std::size_t WebSocketClient::upgrade(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  if (!bytes.starts_with("HTTP/1.1 101")) {
    lose("upgrade refused " + std::string(bytes.substr(9, 3)), bytes);
    return 0;
  }
  upgraded_ = true;
  return end + 4;
}

std::size_t WebSocketClient::frames(std::string_view bytes, std::int64_t now) {
  std::size_t at = 0;
  Frame each;
  while (const std::size_t size = read_frame(bytes.substr(at), each)) {
    at += size;
    if (each.opcode == Frame::text && each.final) {
      packet(each.payload, now);
    } else {
      frame(each, now);
    }
    if (!open()) break;
  }
  return at;
}

void WebSocketClient::frame(const Frame& frame, std::int64_t now) {
  if (frame.opcode == Frame::close) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(frame.payload[at]); };
    const std::string code =
        frame.payload.size() < 2 ? "1005" : std::to_string(byte(0) * 256 + byte(1));
    lose("closed with " + code,
         frame.payload.substr(std::min<std::size_t>(2, frame.payload.size())));
  } else if (frame.opcode == Frame::ping) {
    std::string bytes;
    write_frame(bytes, Frame::pong, frame.payload);
    stream_.send(bytes);
  } else if (frame.opcode == Frame::text || frame.opcode == Frame::continuation) {
    fragment_ += frame.payload;
    if (!frame.final) return;
    const std::string whole = std::move(fragment_);
    fragment_.clear();
    packet(whole, now);
  }
}

}  // namespace load
