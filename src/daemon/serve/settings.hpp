#pragma once

// The settings of `crier serve`.

#include "crier/gateway.hpp"
#include "crier/settings.hpp"

#include <string>

namespace crier::daemon {

/// What `crier serve` is told by its file, the environment and its command line.
struct Settings {
  GatewayOptions gateway;
  std::string log_level = "info";
  bool dev = false;
};

/// Merges, later ones win: defaults, the TOML file (unless `path` is empty), the names that
/// existing deployments set (PORT, JWT_ACCESS_SECRET, CLIENT_URL, REDIS_URL, CRIER_API_KEY,
/// CRIER_STORE), and CRIER_<SECTION>_<KEY>. The error is one or more lines `file:line: section.key:
/// why`.
Result<Settings, std::string> read_settings(const std::string& path,
                                            const Environment& environment);

/// Every key with its default, bounds and meaning, as a TOML file of comments: `crier check
/// --example`.
std::string example_settings();

}  // namespace crier::daemon
