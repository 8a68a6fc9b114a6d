// The TOML file, and what the daemon adds to the settings of the gateway.

#include "daemon/serve/settings.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <toml++/toml.h>
#include <utility>

namespace crier::daemon {

namespace {

Setting log_level(std::string& level) {
  constexpr std::string_view words = "debug, info, warning or error";
  Setting setting{"log", "level", "The least level of a line of the log.", {}, std::string(words)};
  setting.read = [&level, words](const std::string& text) -> Result<void, std::string> {
    for (const std::string_view known : {"debug", "info", "warning", "error"}) {
      if (text != known) continue;
      level = text;
      return {};
    }
    return Unexpected{"must be " + std::string(words)};
  };
  setting.toml = [&level] { return "\"" + level + "\""; };
  setting.problem = []() -> std::optional<std::string> { return std::nullopt; };
  return setting;
}

std::vector<Setting> all_of(Settings& settings) {
  auto all = settings_of(settings.gateway);
  all.push_back(log_level(settings.log_level));
  return all;
}

const Setting* find(const std::vector<Setting>& all, std::string_view section,
                    std::string_view key) {
  const auto found = std::ranges::find_if(all, [&](const Setting& setting) {
    return setting.section == section && setting.key == key;
  });
  return found == all.end() ? nullptr : &*found;
}

bool is_section(const std::vector<Setting>& all, std::string_view section) {
  return std::ranges::any_of(all,
                             [&](const Setting& setting) { return setting.section == section; });
}

/// A TOML value as the text that the environment would hold; nothing for a table or a date.
std::optional<std::string> text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  const auto* array = node.as_array();
  if (array == nullptr) return std::nullopt;
  std::string joined;
  for (const auto& element : *array) {
    const auto* text = element.as_string();
    if (text == nullptr) return std::nullopt;
    if (!joined.empty()) joined += ',';
    joined += text->get();
  }
  return joined;
}

/// What is wrong with a file, by line.
using Complaints = std::multimap<std::uint32_t, std::string>;

void complain(Complaints& errors, const std::string& path, std::uint32_t line,
              const std::string& name, const std::string& why) {
  errors.emplace(line, path + ":" + std::to_string(line) + ": " + name + ": " + why + "\n");
}

void apply_section(const std::vector<Setting>& all, const std::string& path,
                   std::string_view section, const toml::table& table, Complaints& errors) {
  for (const auto& [key, node] : table) {
    const auto line = key.source().begin.line;
    const std::string name = std::string(section) + "." + std::string(key.str());
    const Setting* setting = find(all, section, key.str());
    if (setting == nullptr) {
      complain(errors, path, line, name, "unknown key");
      continue;
    }
    const auto text = text_of(node);
    if (!text) {
      complain(errors, path, line, name, "is of the wrong type");
    } else if (const auto applied = setting->read(*text); !applied) {
      complain(errors, path, line, name, applied.error());
    }
  }
}

std::string apply_file(const std::vector<Setting>& all, const std::string& path) {
  if (!std::ifstream(path)) return path + ": cannot be read\n";
  Complaints errors;
  try {
    const toml::table file = toml::parse_file(path);
    for (const auto& [section, node] : file) {
      const auto line = section.source().begin.line;
      const auto* table = node.as_table();
      if (table == nullptr || !is_section(all, section.str())) {
        complain(errors, path, line, std::string(section.str()),
                 table == nullptr ? "unknown key" : "unknown section");
        continue;
      }
      apply_section(all, path, section.str(), *table, errors);
    }
  } catch (const toml::parse_error& error) {
    complain(errors, path, error.source().begin.line, "TOML", std::string(error.description()));
  }
  std::string lines;
  for (const auto& [line, error] : errors) lines += error;
  return lines;
}

}  // namespace

Result<Settings, std::string> read_settings(const std::string& path,
                                            const Environment& environment) {
  Settings settings;
  const auto all = all_of(settings);
  std::string errors;
  if (!path.empty()) errors += apply_file(all, path);
  if (const auto read = read_environment(all, environment); !read) errors += read.error() + "\n";
  if (!errors.empty()) {
    errors.pop_back();
    return Unexpected{std::move(errors)};
  }
  return settings;
}

std::string example_settings() {
  Settings defaults;
  return example_file(all_of(defaults));
}

}  // namespace crier::daemon
