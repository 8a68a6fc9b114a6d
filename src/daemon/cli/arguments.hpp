#pragma once

// What people write on the command line, as values.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crier::daemon {

/// `90s`, `15m`, `2h`, `1d`: a whole number above 0 and its unit, at most 36,500 days.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

struct HttpUrl {
  std::string host;  ///< A name or address, without the brackets of IPv6.
  std::uint16_t port = 80;
  std::string prefix;  ///< The path, without a slash at its end.

  friend bool operator==(const HttpUrl&, const HttpUrl&) = default;
};

/// `http://host[:port][/path]` (RFC 3986 section 3) without user, query or fragment.
std::optional<HttpUrl> parse_url(std::string_view text);

/// One segment of a path: all but unreserved characters escaped (RFC 3986 section 2.3).
std::string percent_encode(std::string_view text);

}  // namespace crier::daemon
