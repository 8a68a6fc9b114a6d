#pragma once

// A blocking client for tests against a server in the same process.

#include <arpa/inet.h>
#include <cstdint>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace crier {

class LoopbackClient {
 public:
  explicit LoopbackClient(std::uint16_t port) : descriptor_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      throw std::runtime_error("cannot connect");
    }
  }
  ~LoopbackClient() { close(); }
  LoopbackClient(const LoopbackClient&) = delete;
  LoopbackClient& operator=(const LoopbackClient&) = delete;

  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  /// Closes with a reset, unsent and unread bytes notwithstanding.
  void reset() {
    const linger discard{1, 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &discard, sizeof(discard));
    close();
  }
  void end() { shutdown(descriptor_, SHUT_WR); }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  /// Reads until `text` has been seen, and returns all up to its end; what was read when the peer
  /// closes or 5 s pass without it.
  std::string read_until(std::string_view text) {
    std::size_t at = std::string::npos;
    while ((at = received_.find(text)) == std::string::npos) {
      if (!more()) return std::exchange(received_, {});
    }
    std::string head = received_.substr(0, at + text.size());
    received_.erase(0, at + text.size());
    return head;
  }

  /// The next bytes, whatever they are; fewer when the peer closes.
  std::string read(std::size_t bytes) {
    while (received_.size() < bytes && more()) {
    }
    std::string head = received_.substr(0, bytes);
    received_.erase(0, head.size());
    return head;
  }

  /// Everything up to the peer's end.
  std::string read_all() {
    while (more()) {
    }
    return std::exchange(received_, {});
  }

  /// Whether the peer ends the connection, whatever it sends before; false after 5 s.
  bool closed() {
    read_all();
    pollfd ready{descriptor_, POLLIN, 0};
    char byte = 0;
    return poll(&ready, 1, 0) == 1 && recv(descriptor_, &byte, 1, 0) <= 0;
  }

  /// The payload of the next (unmasked) WebSocket frame, and its first byte.
  std::string read_frame(char* first = nullptr) {
    const std::string head = read(2);
    if (head.size() < 2) return {};
    if (first != nullptr) *first = head[0];
    std::size_t length = static_cast<unsigned char>(head[1]) & 127U;
    if (length >= 126) {
      const std::string extended = read(length == 126 ? 2 : 8);
      length = 0;
      for (const char byte : extended) length = length << 8U | static_cast<unsigned char>(byte);
    }
    return read(length);
  }

  /// A masked frame of at most 65,535 bytes; text if `first` says nothing else.
  static std::string frame(std::string_view payload, char first = '\x81') {
    std::string frame(1, first);
    if (payload.size() < 126) {
      frame += static_cast<char>(0x80U | payload.size());
    } else {
      frame += static_cast<char>(0x80U | 126U);
      frame += static_cast<char>(payload.size() >> 8U);
      frame += static_cast<char>(payload.size());
    }
    constexpr std::string_view mask = "\x11\x22\x33\x44";
    frame += mask;
    for (std::size_t i = 0; i < payload.size(); ++i) {
      frame += static_cast<char>(payload[i] ^ mask[i % 4]);
    }
    return frame;
  }
  void write_text(std::string_view text) { write(frame(text)); }

  /// `more`: header lines, each with its CRLF.
  static std::string upgrade_request(std::string_view target, std::string_view more = "") {
    return "GET " + std::string(target) +
           " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
           std::string(more) + "\r\n";
  }

  /// Opens a WebSocket at `target`; returns the response's head.
  std::string open_websocket(std::string_view target, std::string_view more = "") {
    write(upgrade_request(target, more));
    return read_until("\r\n\r\n");
  }

 private:
  bool more() {
    pollfd ready{descriptor_, POLLIN, 0};
    if (poll(&ready, 1, 5'000) != 1) return false;
    char bytes[16 * 1024];
    const auto got = recv(descriptor_, bytes, sizeof(bytes), 0);
    if (got <= 0) return false;
    received_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  int descriptor_;
  std::string received_;
};

}  // namespace crier
