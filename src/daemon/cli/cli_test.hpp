#pragma once

// For the tests of this folder.

#include "daemon/cli/terminal.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace crier::daemon {

/// What a run of one command line left.
struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

/// Runs `words` as main() would, but with streams and an environment of its own.
class Shell {
 public:
  std::map<std::string, std::string> environment;
  std::string input;
  bool full = false;  ///< Nothing can be written to standard output.

  Outcome run(std::vector<std::string> words) {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    if (full) out.setstate(std::ios::badbit);
    const Terminal terminal{in, out, err, [this](const std::string& name) {
                              const auto found = environment.find(name);
                              return found == environment.end() ? std::nullopt
                                                                : std::optional(found->second);
                            }};
    CLI::App app("crier");
    app.require_subcommand(1);
    Outcome outcome;
    add_store_commands(app, outcome.code, terminal);
    add_token_command(app, outcome.code, terminal);
    add_publish_command(app, outcome.code, terminal);
    std::reverse(words.begin(), words.end());
    try {
      app.parse(std::move(words));
    } catch (const CLI::ParseError& error) {
      outcome.code = app.exit(error, out, err) == 0 ? 0 : 2;
    }
    outcome.out = out.str();
    outcome.err = err.str();
    return outcome;
  }
};

}  // namespace crier::daemon
