#include "backends/redis/session_script.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace crier::redis {
namespace {

// KEYS: one for each user. ARGV: 1 ttl in ms, 2 sessions a user, then for each position the place
// of its key, the session, its holder, whether it takes over, and the value. Positions of one call
// are a microsecond apart.
constexpr std::string_view save_only = R"lua(
local time = redis.call('TIME')
local clock = time[1] * 1000000 + time[2]
local oldest, max = clock - ARGV[1] * 1000, tonumber(ARGV[2])
for at = 3, #ARGV, 5 do
  local key, session, holder = KEYS[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2]
  local kept = ARGV[at + 3] == '0' and redis.pcall('HGET', key, session)
  local before, by = string.match(type(kept) == 'string' and kept or '', '^(%d+) (%S+) ')
  if not by or by == holder or tonumber(before) < oldest then
    local saved = string.format('%.0f', clock + (at - 3) / 5)
    redis.pcall('HSET', key, session, saved .. ' ' .. holder .. ' ' .. ARGV[at + 4])
  end
end
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, ARGV[1])
  local count = redis.pcall('HLEN', key)
  if type(count) == 'number' and count > max then
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
if type(kept) ~= 'string' then return '' end
local time = redis.call('TIME')
local saved, value = string.match(kept, '^(%d+) %S+ (.*)$')
if not saved or tonumber(saved) < time[1] * 1000000 + time[2] - ARGV[1] * 1000 then return '' end
return value
)lua";

}  // namespace

std::string save_script() { return std::string(save_only); }
std::string load_script() { return std::string(load_only); }

std::vector<std::string> save_arguments(const Names& names, const history::Retention& retention,
                                        std::span<const history::SessionPosition> positions) {
  std::vector<std::string> keys;
  std::vector<std::string> arguments = {std::to_string(retention.ttl.count()),
                                        std::to_string(retention.sessions_max)};
  for (const history::SessionPosition& position : positions) {
    const std::string key = names.session(position.user);
    const auto place = std::ranges::find(keys, key) - keys.begin();
    if (static_cast<std::size_t>(place) == keys.size()) keys.push_back(key);
    arguments.insert(arguments.end(), {std::to_string(place + 1), position.session, position.holder,
                                       position.takes_over ? "1" : "0", position.value});
  }
  std::vector<std::string> all = {std::to_string(keys.size())};
  std::move(keys.begin(), keys.end(), std::back_inserter(all));
  std::move(arguments.begin(), arguments.end(), std::back_inserter(all));
  return all;
}

std::vector<std::string> load_arguments(const Names& names, const history::Retention& retention,
                                        const std::string& user, const std::string& session) {
  return {"1", names.session(user), std::to_string(retention.ttl.count()), session};
}

}  // namespace crier::redis
