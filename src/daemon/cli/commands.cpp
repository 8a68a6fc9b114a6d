// Adds the commands of `crier` to its command line, and reports their failures.

#include "daemon/cli/commands.hpp"

#include "daemon/cli/terminal.hpp"

#include <cstdlib>
#include <iostream>

namespace crier::daemon {
namespace {

std::optional<std::string> environment(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

int printed(const Terminal& terminal) {
  return terminal.out.flush() ? 0 : fail(terminal, "standard output cannot be written");
}

int fail(const Terminal& terminal, const std::string& message) {
  terminal.err << "crier: " << message << "\n";
  return 1;
}

void add_commands(CLI::App& app, int& exit_code) {
  const Terminal terminal{std::cin, std::cout, std::cerr, environment};
  add_store_commands(app, exit_code, terminal);
  add_token_command(app, exit_code, terminal);
  add_publish_command(app, exit_code, terminal);
}

}  // namespace crier::daemon
