#pragma once

// Where a URL leads.

#include <cstdint>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>

namespace load {

struct Url {
  bool tls = false;
  std::string host;
  std::uint16_t port = 0;
  std::string path;  ///< With its query; at least "/".

  /// As a Host header names it.
  [[nodiscard]] std::string authority() const;
};

/// Of `http://HOST[:PORT][/PATH]` or `https://…`; false when it is neither.
[[nodiscard]] bool parse_url(std::string_view text, Url& url);

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] bool loopback() const;
};

/// The first address of `url`'s host, one of IPv4 if there is any; false with a `problem` when the
/// name is not known.
[[nodiscard]] bool resolve(const Url& url, Address& address, std::string& problem);

/// How many connections one source address can have to one port of one address.
[[nodiscard]] std::size_t ports_per_source();

/// 127.0.0.1 for 0, 127.0.0.2 for 1, …
[[nodiscard]] Address loopback_source(std::uint32_t index);

}  // namespace load
