#pragma once

#include "crier/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crier::redis {

struct Credentials {
  std::string user;  ///< Empty: the default user.
  std::string password;
};

struct Url {
  std::string host;  ///< A name or an address; IPv6 without brackets.
  std::uint16_t port = 6379;
  std::optional<Credentials> credentials;
  unsigned database = 0;
};

/// `redis://[[user]:password@]host[:port][/db]`; user and password percent-encoded where needed.
/// The error is one sentence that holds nothing of the text, which may contain a password.
Result<Url, std::string> parse_url(std::string_view text);

}  // namespace crier::redis
