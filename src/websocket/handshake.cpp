// Checks the handshake's headers and computes the accept value.

#include "websocket/handshake.hpp"

#include "base/assert.hpp"
#include "base/encoding.hpp"
#include "websocket/token.hpp"

#include <algorithm>
#include <array>
#include <openssl/evp.h>

namespace crier::websocket {

namespace {

constexpr std::string_view blanks = " \t";

// Section 4.2.1: 16 bytes in base64 are 22 characters and the padding.
bool is_key(std::string_view key) {
  constexpr std::string_view padding = "==";
  if (key.size() != 24 || !key.ends_with(padding)) return false;
  key.remove_suffix(padding.size());
  return std::ranges::all_of(key,
                             [](char c) { return is_letter_or_digit(c) || c == '+' || c == '/'; });
}

bool is_token(std::string_view text) { return !text.empty() && token_size(text) == text.size(); }

std::string_view first_in_list(std::string_view list) {
  list = list.substr(0, list.find(','));
  const std::size_t begin = list.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return list.substr(begin, list.find_last_not_of(blanks) - begin + 1);
}

// Section 4.2.2, item 5.4.
std::string accept_value(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  // Fetched once: looking up an algorithm costs more than a digest of this size.
  static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  const int done = EVP_Digest(text.data(), text.size(), digest.data(), &size, sha1, nullptr);
  CRIER_ASSERT(done == 1);
  return base64_encode({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace

std::optional<HandshakeError> check(const HandshakeHeaders& headers) {
  if (headers.version != "13" && headers.version != "8") return HandshakeError::bad_version;
  if (!is_key(headers.key)) return HandshakeError::bad_key;
  return std::nullopt;
}

std::string accept_response(const HandshakeHeaders& headers, std::string_view extra) {
  CRIER_ASSERT(!check(headers));
  CRIER_ASSERT(extra.empty() || extra.ends_with("\r\n"));
  std::string out =
      "HTTP/1.1 101 Switching Protocols\r\n"
      "Upgrade: websocket\r\n"
      "Connection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ";
  out.append(accept_value(headers.key)).append("\r\n");
  const std::string_view protocol = first_in_list(headers.protocol);
  if (is_token(protocol)) {
    out.append("Sec-WebSocket-Protocol: ").append(protocol).append("\r\n");
  }
  return out.append(extra).append("\r\n");
}

}  // namespace crier::websocket
