// Builds the calls of the scripts for positions of sessions and parses their replies.

#include "backends/redis/store/session_script.hpp"

#include "backends/redis/store/lua_script.hpp"

#include <algorithm>
#include <iterator>

namespace crier::redis {
namespace {

std::vector<std::string> arguments_of(const Names& names, const history::Retention& retention,
                                      std::span<const history::SessionPosition> positions,
                                      bool take_over) {
  std::vector<std::string> keys;
  std::vector<std::string> arguments = {std::to_string(retention.ttl.count()),
                                        std::to_string(retention.sessions_max),
                                        take_over ? "1" : "0"};
  for (const history::SessionPosition& position : positions) {
    const std::string key = names.session(position.user);
    const auto place = std::ranges::find(keys, key) - keys.begin();
    if (static_cast<std::size_t>(place) == keys.size()) keys.push_back(key);
    arguments.insert(arguments.end(), {std::to_string(place + 1), position.session, position.holder,
                                       position.value});
  }
  std::vector<std::string> all = {std::to_string(keys.size())};
  std::move(keys.begin(), keys.end(), std::back_inserter(all));
  std::move(arguments.begin(), arguments.end(), std::back_inserter(all));
  return all;
}

}  // namespace

std::string save_script() { return std::string(lua_script("save.lua").value()); }
std::string load_script() { return std::string(lua_script("load.lua").value()); }

std::vector<std::string> save_arguments(const Names& names, const history::Retention& retention,
                                        std::span<const history::SessionPosition> positions) {
  return arguments_of(names, retention, positions, false);
}

std::vector<std::string> take_over_arguments(const Names& names,
                                             const history::Retention& retention,
                                             const history::SessionPosition& position) {
  return arguments_of(names, retention, {&position, 1}, true);
}

std::vector<std::string> load_arguments(const Names& names, const history::Retention& retention,
                                        const std::string& user, const std::string& session) {
  return {"1", names.session(user), std::to_string(retention.ttl.count()), session};
}

}  // namespace crier::redis
