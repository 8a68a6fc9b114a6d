#pragma once

// The URL of a Redis deployment: one server, Sentinels or a cluster.

#include "crier/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::redis {

struct Credentials {
  std::string user;  ///< Empty: the default user.
  std::string password;
};

struct Host {
  std::string name;  ///< A name or an address; IPv6 without brackets.
  std::uint16_t port = 0;

  bool operator==(const Host&) const = default;
};

/// How the server that holds the keys is found.
enum class Form : std::uint8_t {
  single,    ///< It is the one node named.
  sentinel,  ///< The Sentinels named know where the master called `master` is.
  cluster,   ///< The nodes named know which node serves the slot of Crier's keys.
};

struct Url {
  Form form = Form::single;
  bool tls = false;
  std::vector<Host> nodes;  ///< At least one, at most nodes_max.
  std::string master;       ///< With Sentinel: its name there.
  std::optional<Credentials> credentials;
  unsigned database = 0;  ///< 0 in a cluster.

  [[nodiscard]] bool is_cluster() const { return form == Form::cluster; }
};

constexpr std::size_t nodes_max = 64;

/// One of, each with rediss instead of redis for TLS:
///     redis://[[user]:password@]host[:port][/db]
///     redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/master[/db]
///     redis+cluster://[[user]:password@]host[:port][,host[:port]…]
/// User and password are percent-encoded where needed. The error is one sentence that holds nothing
/// of the text, which may contain a password.
Result<Url, std::string> parse_url(std::string_view text);

/// `host:port` or `[address]:port`.
std::string place_of(const Host& node);

/// Where `url` leads, for the log: its nodes and the master's name, no credentials.
std::string place_of(const Url& url);

/// Letters, digits, and what else occurs in names and addresses; at most 253 bytes.
bool is_host(std::string_view text);

}  // namespace crier::redis
