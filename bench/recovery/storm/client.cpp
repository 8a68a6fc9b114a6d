#include "client.hpp"

#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace storm {

namespace {

constexpr std::string_view request =
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: "
    "websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

std::array<char, 256 * 1024> scratch;

/// A masked text frame; its mask is zero (RFC 6455 section 5.2).
std::string frame(std::string_view text) {
  std::string bytes("\x81", 1);
  if (text.size() < 126) {
    bytes += static_cast<char>(0x80U | text.size());
  } else {
    bytes += '\xFE';
    bytes += static_cast<char>(text.size() >> 8U);
    bytes += static_cast<char>(text.size() & 0xFFU);
  }
  bytes.append(4, '\0');
  bytes += text;
  return bytes;
}

std::string_view string_after(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + name.size();
  return text.substr(begin, text.find('"', begin) - begin);
}

}  // namespace

std::uint64_t number_after(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return 0;
  std::uint64_t number = 0;
  for (std::size_t i = at + name.size(); i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    number = number * 10 + static_cast<std::uint64_t>(text[i] - '0');
  }
  return number;
}

void Client::start(std::uint32_t owed) {
  owed_ = owed;
  got = 0;
  recovered = upgraded_ = joined_ = stalled_ = complete = false;
  rest_.clear();
  unsent_.clear();
  started = nanoseconds();
  descriptor_ = connect_to(shared_.port);
  open = true;
  shared_.loop.add(descriptor_, EPOLLIN | EPOLLRDHUP, *this);
  send(request);
}

void Client::cut() {
  if (!open) return;
  const linger reset{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  ::close(descriptor_);
  open = false;
}

void Client::read(bool on) {
  stalled_ = true;
  if (open) shared_.loop.change(descriptor_, on ? EPOLLIN | EPOLLRDHUP : 0, *this);
}

void Client::send(std::string_view bytes) {
  if (!unsent_.empty()) {
    unsent_ += bytes;
    return;
  }
  const long sent = send_some(descriptor_, bytes);
  if (sent < 0) return;  // What is there to read says so too.
  if (static_cast<std::size_t>(sent) < bytes.size()) {
    unsent_ = bytes.substr(static_cast<std::size_t>(sent));
    shared_.loop.change(descriptor_, EPOLLIN | EPOLLRDHUP | EPOLLOUT, *this);
  }
}

void Client::send_packet(std::string_view text) { send(frame(text)); }

void Client::lost() {
  cut();
  if (!complete) shared_.closed(*this);
}

void Client::ready(std::uint32_t events) {
  if (!open) return;  // Closed earlier in this turn.
  if ((events & EPOLLOUT) != 0) {
    const std::string bytes = std::move(unsent_);
    unsent_.clear();
    shared_.loop.change(descriptor_, EPOLLIN | EPOLLRDHUP, *this);
    send(bytes);
  }
  while (open) {
    const long count = ::recv(descriptor_, scratch.data(), scratch.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (count <= 0) return lost();
    std::string_view bytes(scratch.data(), static_cast<std::size_t>(count));
    if (!rest_.empty()) bytes = rest_.append(bytes);
    std::size_t taken = upgraded_ ? 0 : upgrade(bytes);
    if (upgraded_) taken += frames(bytes.substr(taken));
    if (!open) return;
    std::string rest(bytes.substr(taken));
    rest_ = std::move(rest);
    if (static_cast<std::size_t>(count) < scratch.size()) return;
  }
}

std::size_t Client::upgrade(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  if (!bytes.starts_with("HTTP/1.1 101")) {
    lost();
    return 0;
  }
  upgraded_ = true;
  return end + 4;
}

std::size_t Client::frames(std::string_view bytes) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  std::size_t at = 0;
  while (open && bytes.size() - at >= 2) {
    std::size_t length = byte(at + 1) & 0x7FU;
    std::size_t head = 2;
    if (length >= 126) {
      head = length == 126 ? 4 : 10;
      if (bytes.size() - at < head) break;
      length = 0;
      for (std::size_t i = at + 2; i < at + head; ++i) length = length << 8U | byte(i);
    }
    if (bytes.size() - at < head + length) break;
    if ((byte(at) & 0x0FU) == 8) {
      lost();
      break;
    }
    message(bytes.substr(at + head, length));
    at += head + length;
  }
  return at;
}

void Client::message(std::string_view text) {
  if (text.starts_with("42")) {
    event(text.substr(2));
  } else if (text == "2") {
    send_packet("3");
  } else if (text.starts_with("0{")) {
    std::string packet = R"(40{"token":")" + token_ + '"';
    if (!pid_.empty()) packet += R"(,"pid":")" + pid_ + '"';
    if (!pid_.empty() && !offset_.empty()) packet += R"(,"offset":")" + offset_ + '"';
    send_packet(packet + '}');
  } else if (text.starts_with("40{")) {
    const std::string_view pid = string_after(text, R"("pid":")");
    recovered = !pid.empty() && pid == pid_;
    if (!recovered) pid_ = pid;
    joined_ = true;
  } else if (text.starts_with("44")) {
    return lost();
  }
  // One that is not recovered is owed nothing.
  if (joined_ && !complete && (got >= owed_ || !recovered)) {
    complete = true;
    shared_.complete(*this);
  }
}

void Client::event(std::string_view text) {
  // The last argument, if it is a string, is the offset; Crier's is `epoch.gid`, and after
  // `catchup` a position that no event has.
  std::string_view offset;
  if (text.ends_with("\"]")) {
    const std::size_t begin = text.rfind('"', text.size() - 3) + 1;
    offset = text.substr(begin, text.size() - 2 - begin);
    if (!shared_.frozen) offset_ = offset;
  }
  if (text.starts_with(R"(["catchup")")) {
    verdict = text;
    return;
  }
  ++got;
  ++total;
  if (!offset.empty()) {
    const std::uint64_t gid = number_after(offset, ".");
    if (gid <= last_) ++disorders;
    last_ = gid;
  }
  if (shared_.arrived && !stalled_) {
    if (const std::uint64_t at = number_after(text, R"("at":)"); at != 0) {
      shared_.arrived(nanoseconds() - static_cast<std::int64_t>(at));
    }
  }
}

}  // namespace storm
