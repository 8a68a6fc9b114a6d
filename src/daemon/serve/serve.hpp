#pragma once

// The command `crier serve`.

#include "daemon/serve/demo.hpp"
#include "daemon/serve/settings.hpp"

namespace crier::daemon {

/// Runs the gateway until SIGTERM or SIGINT. Returns the process's exit code; problems are one
/// sentence on stderr.
int serve(Settings settings, const std::function<DemoSources(const Settings&)>& demo_sources);

}  // namespace crier::daemon
