#pragma once

// The commands beside `crier serve`: users and memberships, tokens, publishing.

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 calls itself so
class App;
}

namespace crier::daemon {

/// Adds the commands to `app`. Each runs as soon as it is parsed and sets `exit_code`, which must
/// outlive `app`: 0 it was done, 1 it failed. Wrong usage is a CLI::ParseError.
void add_commands(CLI::App& app, int& exit_code);

}  // namespace crier::daemon
