#pragma once

// Every setting of the options by its name, with its meaning and bounds, for programs that read
// options from a file, the environment or a command line, as the daemon does.

#include "crier/options.hpp"
#include "crier/result.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier {

/// One setting of an options object, which must outlive it. On one thread at a time.
struct Setting {
  std::string_view section;     ///< `http`: a section of the daemon's file, and a member of the
                                ///< options.
  std::string_view key;         ///< `port`: a key of the section, and a member of that group.
  std::string_view meaning;     ///< A sentence.
  std::string_view alias = {};  ///< A second environment variable besides variable(); may be empty.
  std::string bounds = {};      ///< `from 0 to 65535`; empty: only those of its type.

  /// Sets the option from a variable's text: a list is separated by commas, a duration has its unit
  /// (`250ms`, `25s`, `5m`, `2h`). Fails with `must be …`, and leaves the option as it was.
  std::function<Result<void, std::string>(const std::string& text)> read = {};
  std::function<std::string()> toml = {};  ///< The option's value, as in a TOML file.
  /// What is wrong with the option's value (`must be …`), if anything is.
  std::function<std::optional<std::string>()> problem = {};

  [[nodiscard]] std::string path() const;      ///< `http.port`
  [[nodiscard]] std::string variable() const;  ///< `CRIER_HTTP_PORT`
};

/// All settings of `options`, section by section. Gateway::check() and the constructors check the
/// bounds, and also what must fit together (files for TLS, the URL of Redis).
std::vector<Setting> settings_of(GatewayOptions& options);
std::vector<Setting> settings_of(ServerOptions& options);

/// Checks that all settings are within their bounds. Fails for the first that is not: code
/// `bad_option`, a sentence that begins with its path(), and that path as a JSON Pointer.
Result<void> check_settings(const std::vector<Setting>& settings);

/// Reads an environment variable; a parameter, so that tests need no environment.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Sets the options from the environment: first the aliases, then variable() of each; an empty
/// variable counts as absent. The error is one or more lines `VARIABLE: must be …`; all other
/// variables are applied even then.
Result<void, std::string> read_environment(const std::vector<Setting>& settings,
                                           const Environment& environment);

/// A TOML file of comments: each setting with its meaning, its value now, and its bounds. Secrets
/// are values too: give it options that hold none.
std::string example_file(const std::vector<Setting>& settings);

}  // namespace crier
