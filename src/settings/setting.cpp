// What can be done with settings without knowing which there are.

#include "crier/settings.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace crier {

std::string Setting::path() const { return std::string(section) + "." + std::string(key); }

std::string Setting::variable() const {
  std::string name = "CRIER_" + std::string(section) + "_" + std::string(key);
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

Result<void> check_settings(const std::vector<Setting>& settings) {
  for (const Setting& setting : settings) {
    const auto problem = setting.problem();
    if (!problem) continue;
    const std::string pointer = "/" + std::string(setting.section) + "/" + std::string(setting.key);
    return Unexpected{Error{422, "bad_option", setting.path() + " " + *problem + ".", pointer}};
  }
  return {};
}

Result<void, std::string> read_environment(const std::vector<Setting>& settings,
                                           const Environment& environment) {
  std::string errors;
  for (const Setting& setting : settings) {
    for (const std::string& variable : {std::string(setting.alias), setting.variable()}) {
      if (variable.empty()) continue;
      const auto value = environment(variable);
      if (!value || value->empty()) continue;
      const auto applied = setting.read(*value);
      if (applied) continue;
      if (!errors.empty()) errors += '\n';
      errors += variable + ": " + applied.error();
    }
  }
  if (!errors.empty()) return Unexpected{std::move(errors)};
  return {};
}

std::string example_file(const std::vector<Setting>& settings) {
  std::string text;
  std::string_view section;
  for (const Setting& setting : settings) {
    if (setting.section != section) {
      section = setting.section;
      text.append(text.empty() ? "[" : "\n[").append(section).append("]\n");
    }
    text.append("# ").append(setting.meaning);
    if (!setting.alias.empty()) text.append(" Also ").append(setting.alias).append(".");
    text.append("\n# ").append(setting.key).append(" = ").append(setting.toml());
    if (!setting.bounds.empty()) text.append("  # ").append(setting.bounds);
    text.append("\n");
  }
  return text;
}

}  // namespace crier
