#include "backends/redis/url.hpp"

#include "base/encoding.hpp"

#include <algorithm>
#include <charconv>

namespace crier::redis {
namespace {

Unexpected<std::string> refuse(std::string_view why) {
  return Unexpected{std::string("The Redis URL ").append(why)};
}

std::optional<unsigned> parse_decimal(std::string_view digits, unsigned max) {
  unsigned number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [parsed, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc() || parsed != end || number > max) return std::nullopt;
  return number;
}

/// Letters, digits, and what else occurs in names and addresses.
bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':' || c == '%';
  });
}

std::optional<Credentials> parse_credentials(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto user = percent_decode(text.substr(0, colon));
  auto password = percent_decode(text.substr(colon + 1));
  if (!user || !password || password->empty()) return std::nullopt;
  return Credentials{*std::move(user), *std::move(password)};
}

/// Splits `host:port` or `[host]:port`; the port is empty if there is none. False: malformed.
bool split_host(std::string_view text, std::string_view& host,
                std::optional<std::string_view>& port) {
  const bool bracketed = text.starts_with('[');
  const std::size_t host_end = bracketed ? text.find(']') : std::min(text.find(':'), text.size());
  if (host_end == std::string_view::npos) return false;
  host = text.substr(bracketed ? 1 : 0, host_end - (bracketed ? 1 : 0));
  const std::string_view rest = text.substr(host_end + (bracketed ? 1 : 0));
  if (!rest.empty() && rest.front() != ':') return false;
  if (!rest.empty()) port = rest.substr(1);
  return is_host(host) && (bracketed || host.find('%') == std::string_view::npos);
}

}  // namespace

Result<Url, std::string> parse_url(std::string_view text) {
  constexpr std::string_view scheme = "redis://";
  if (text.starts_with("rediss://"))
    return refuse("asks for TLS (rediss), which is not supported.");
  if (!text.starts_with(scheme)) return refuse("must begin with redis://.");
  text.remove_prefix(scheme.size());
  if (text.find_first_of("?#") != std::string_view::npos) {
    return refuse("must have no query and no fragment; in a password, write %3F or %23.");
  }
  Url url;
  const std::size_t at = text.rfind('@');
  if (at != std::string_view::npos) {
    url.credentials = parse_credentials(text.substr(0, at));
    if (!url.credentials) return refuse("must have user:password or :password before the @.");
    text.remove_prefix(at + 1);
  }
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string_view host;
  std::optional<std::string_view> port;
  if (!split_host(text.substr(0, slash), host, port)) return refuse("has no valid host.");
  url.host = std::string(host);
  if (port) {
    const auto number = parse_decimal(*port, 65535);
    if (!number || *number == 0) return refuse("must have a port from 1 to 65535.");
    url.port = static_cast<std::uint16_t>(*number);
  }
  if (slash + 1 < text.size()) {
    const auto database = parse_decimal(text.substr(slash + 1), 65535);
    if (!database) return refuse("must have a database number after the last slash.");
    url.database = *database;
  }
  return url;
}

}  // namespace crier::redis
