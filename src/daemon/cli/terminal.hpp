#pragma once

// Input and output of the commands of `crier`.

#include "daemon/cli/commands.hpp"

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

namespace crier::daemon {

/// What a command reads and writes; a parameter so that tests need no process. The streams outlive
/// the commands.
struct Terminal {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  std::function<std::optional<std::string>(const std::string& name)> environment;
};

/// Flushes what was printed: 0, or 1 with a complaint if it could not be written.
int printed(const Terminal& terminal);

/// Says `crier: message` on the terminal; 1, the exit code of a failure.
int fail(const Terminal& terminal, const std::string& message);

// Each as add_commands().
void add_store_commands(CLI::App& app, int& exit_code, const Terminal& terminal);
void add_token_command(CLI::App& app, int& exit_code, const Terminal& terminal);
void add_publish_command(CLI::App& app, int& exit_code, const Terminal& terminal);

}  // namespace crier::daemon
