#include "backends/redis/store/session_script.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace crier::redis {
namespace {

// KEYS: one for each user. ARGV: 1 ttl in ms, 2 sessions a user, 3 whether the session is taken
// over, then for each position the place of its key, the session, its holder and the value.
// Positions of one call are a microsecond apart.
constexpr std::string_view save_only = R"lua(
local time = redis.call('TIME')
local clock = time[1] * 1000000 + time[2]
local oldest, max, foreign = clock - ARGV[1] * 1000, tonumber(ARGV[2]), {}
for at = 4, #ARGV, 4 do
  local key, session, holder = KEYS[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2]
  local kept = redis.pcall('HGET', key, session)
  if type(kept) == 'table' then
    if not string.find(kept.err, 'WRONGTYPE', 1, true) then return kept end
    foreign[key] = true
  else
    local before, by = string.match(kept or '', '^(%d+) (%S+) ')
    if ARGV[3] == '1' or not by or by == holder or tonumber(before) < oldest then
      local saved = string.format('%.0f', clock + (at - 4) / 4)
      redis.call('HSET', key, session, saved .. ' ' .. holder .. ' ' .. ARGV[at + 3])
    end
  end
end
for _, key in ipairs(KEYS) do
  local count = foreign[key] and 0 or redis.call('HLEN', key)
  if count > 0 then redis.call('PEXPIRE', key, ARGV[1]) end
  if count > max then
    local kept, ages, gone = redis.call('HGETALL', key), {}, {}
    for i = 1, #kept, 2 do
      local saved = tonumber(string.match(kept[i + 1], '^%d+') or 0)
      ages[#ages + 1] = {saved, kept[i]}
    end
    table.sort(ages, function(a, b) return a[1] < b[1] end)
    for i, age in ipairs(ages) do
      if i <= count - max or age[1] < oldest then gone[#gone + 1] = age[2] end
    end
    redis.call('HDEL', key, unpack(gone))
  end
end
return 'OK'
)lua";

// KEYS: 1 the user's. ARGV: 1 ttl in ms, 2 the session.
constexpr std::string_view load_only = R"lua(
local kept = redis.pcall('HGET', KEYS[1], ARGV[2])
if type(kept) == 'table' and not string.find(kept.err, 'WRONGTYPE', 1, true) then return kept end
if type(kept) ~= 'string' then return '' end
local time = redis.call('TIME')
local saved, value = string.match(kept, '^(%d+) %S+ (.*)$')
if not saved or tonumber(saved) < time[1] * 1000000 + time[2] - ARGV[1] * 1000 then return '' end
return value
)lua";

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

std::string save_script() { return std::string(save_only); }
std::string load_script() { return std::string(load_only); }

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
