#pragma once

// Every setting of the options by its name, with its meaning and bounds: for programs that take
// options from a file, the environment or a command line of their own, as the daemon does.

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
  std::string_view section;     ///< `http`: in the daemon's file, and a member of the options.
  std::string_view key;         ///< `port`: below it, and a member of that group.
  std::string_view meaning;     ///< A sentence.
  std::string_view alias = {};  ///< A variable of the environment besides variable(); may be empty.
  std::string bounds = {};      ///< `from 0 to 65535`; empty: none but its type's.

  /// Sets the option to what a variable says: a list has commas, a duration its unit (`250ms`,
  /// `25s`, `5m`, `2h`). Fails with `must be …`, and leaves the option as it was.
  std::function<Result<void, std::string>(const std::string& text)> read = {};
  std::function<std::string()> toml = {};  ///< The option's value, as in a TOML file.
  /// What is wrong with the option's value (`must be …`), if anything is.
  std::function<std::optional<std::string>()> problem = {};

  [[nodiscard]] std::string path() const;      ///< `http.port`
  [[nodiscard]] std::string variable() const;  ///< `CRIER_HTTP_PORT`
};

/// All that `options` hold, section by section. What must fit together (files for TLS, the URL of
/// Redis) is looked at by Gateway::check() and the constructors, which look at the bounds too.
std::vector<Setting> settings_of(GatewayOptions& options);
std::vector<Setting> settings_of(ServerOptions& options);

/// Whether all are within their bounds. Else the first that is not: code `bad_option`, a sentence
/// that begins with its path(), and that path as a JSON Pointer.
Result<void> check_settings(const std::vector<Setting>& settings);

/// Reads a variable of the environment; a parameter, so that tests need none.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Sets what the environment holds: first the aliases, then variable() of each; an empty variable
/// counts as none. The error is one or more lines `VARIABLE: must be …`; all others are set then.
Result<void, std::string> read_environment(const std::vector<Setting>& settings,
                                           const Environment& environment);

/// A TOML file of comments: each setting with its meaning, its value now, and its bounds.
std::string example_file(const std::vector<Setting>& settings);

}  // namespace crier
