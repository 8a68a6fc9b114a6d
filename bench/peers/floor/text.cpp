#include "text.hpp"

#include <array>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <strings.h>

namespace floor_peer {

std::string frame(std::string_view text) {
  std::string bytes("\x81", 1);
  if (text.size() < 126) {
    bytes += static_cast<char>(text.size());
  } else {
    bytes += '\x7E';
    bytes += static_cast<char>(text.size() >> 8U);
    bytes += static_cast<char>(text.size() & 0xFFU);
  }
  bytes += text;
  return bytes;
}

Frame read_frame(char* bytes, std::size_t count) {
  if (count < 6) return {};
  const auto byte = [bytes](std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); };
  std::size_t length = byte(1) & 0x7FU;
  std::size_t head = 2;
  if (length == 126) {
    length = static_cast<std::size_t>(byte(2)) << 8U | byte(3);
    head = 4;
  } else if (length == 127) {
    length = 0;
    if (count < 10) return {};
    for (std::size_t i = 2; i < 10; ++i) length = length << 8U | byte(i);
    head = 10;
  }
  if (count < head + 4 || count - head - 4 < length) return {};
  const char* mask = bytes + head;
  char* payload = bytes + head + 4;
  for (std::size_t i = 0; i < length; ++i) payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
  return {static_cast<std::uint8_t>(byte(0) & 0x0FU), payload, length, head + 4 + length};
}

std::string_view field(std::string_view head, std::string_view name) {
  for (std::size_t at = 0; at + name.size() <= head.size(); ++at) {
    if (head[at] != '\r' || strncasecmp(head.data() + at, name.data(), name.size()) != 0) continue;
    const std::size_t begin = at + name.size();
    return head.substr(begin, head.find('\r', begin) - begin);
  }
  return {};
}

std::string switching_protocols(std::string_view key) {
  const std::string salted = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(salted.data()), salted.size(), digest.data());
  std::array<unsigned char, 32> text{};
  const int length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: " +
         std::string(text.begin(), text.begin() + length) + "\r\n\r\n";
}

std::string event_text(std::string_view body, std::size_t size) {
  std::string_view now;
  if (const std::size_t at = body.find("\"now\":\""); at != std::string_view::npos) {
    now = body.substr(at, body.find('"', at + 7) + 1 - at);
  }
  std::string text =
      "42[\"request:updated\",{\"event\":\"request:updated\",\"programId\":\"p\",\"data\":{";
  if (!now.empty()) text.append(now).append(",");
  text += "\"text\":\"";
  const std::string_view rest = "\"}}]";
  if (text.size() + rest.size() < size) text.append(size - text.size() - rest.size(), 'x');
  return text.append(rest);
}

}  // namespace floor_peer
