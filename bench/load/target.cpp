#include "target.hpp"

#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <fstream>
#include <netdb.h>

namespace load {

std::string Url::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : '[' + host + ']';
  return name + ':' + std::to_string(port);
}

bool parse_url(std::string_view text, Url& url) {
  const bool tls = text.starts_with("https://");
  if (!tls && !text.starts_with("http://")) return false;
  url.tls = tls;
  text.remove_prefix(tls ? 8 : 7);
  const std::size_t end = text.find_first_of("/?");
  std::string_view authority = text.substr(0, end);
  url.path = end == std::string_view::npos ? "/" : std::string(text.substr(end));
  if (url.path.starts_with('?')) url.path.insert(0, 1, '/');
  url.path.erase(std::min(url.path.find('#'), url.path.size()));
  url.port = tls ? 443 : 80;
  const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  if (bracket == std::string_view::npos) return false;
  if (const std::size_t colon = authority.find(':', bracket); colon != std::string_view::npos) {
    const std::string_view digits = authority.substr(colon + 1);
    const char* const last = digits.data() + digits.size();
    const auto [rest, error] = std::from_chars(digits.data(), last, url.port);
    if (error != std::errc() || rest != last || url.port == 0) return false;
    authority = authority.substr(0, colon);
  }
  if (bracket != 0) authority = authority.substr(1, bracket - 1);
  url.host = authority;
  return !url.host.empty() && text.find_first_of(" \t\r\n") == std::string_view::npos;
}

bool Address::loopback() const {
  if (storage.ss_family != AF_INET) return false;
  sockaddr_in in{};
  std::memcpy(&in, &storage, sizeof in);
  return ntohl(in.sin_addr.s_addr) >> 24U == 127;
}

bool resolve(const Url& url, Address& address, std::string& problem) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int result =
      ::getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &wanted, &found);
  if (result != 0) {
    problem = "cannot find " + url.host + ": " + ::gai_strerror(result);
    return false;
  }
  const addrinfo* chosen = found;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    if (each->ai_family == AF_INET) {
      chosen = each;
      break;
    }
  }
  std::memcpy(&address.storage, chosen->ai_addr, chosen->ai_addrlen);
  address.size = chosen->ai_addrlen;
  ::freeaddrinfo(found);
  return true;
}

std::size_t ports_per_source() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  std::size_t first = 32768;
  std::size_t last = 60999;
  file >> first >> last;
  // Some are others', and the publishers'.
  const std::size_t all = last > first ? last - first + 1 : 1;
  return all - all / 50;
}

Address loopback_source(std::uint32_t index) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK + index);
  Address address;
  std::memcpy(&address.storage, &in, sizeof in);
  address.size = sizeof in;
  return address;
}

}  // namespace load
