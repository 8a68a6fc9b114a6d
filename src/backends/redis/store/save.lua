-- Saves positions of sessions, and drops what is too old or too much of the users that it touches. Positions of
-- one call are a microsecond apart.

-- KEYS: for each user a hash, `time holder value` by session; the time in microseconds since 1970.
local ttl = ARGV[1] -- how long a position is kept: milliseconds
local sessions_max = tonumber(ARGV[2]) -- the most sessions kept of a user: 1 or more
local take_over = ARGV[3] == '1' -- or '0': a session that another connection holds is left to it
local positions_at = 4 -- the place in ARGV of the first position
-- Four values for each position, up to 64 positions: the place of its user in KEYS, the session,
-- its holder, and the value.

local time = redis.call('TIME')
local clock = time[1] * 1000000 + time[2]
local oldest, foreign = clock - ttl * 1000, {}
for at = positions_at, #ARGV, 4 do
  local key, session, holder, value = KEYS[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local kept = redis.pcall('HGET', key, session)
  if type(kept) == 'table' then
    if not string.find(kept.err, 'WRONGTYPE', 1, true) then return kept end
    foreign[key] = true
  else
    local before, by = string.match(kept or '', '^(%d+) (%S+) ')
    if take_over or not by or by == holder or tonumber(before) < oldest then
      local saved = string.format('%.0f', clock + (at - positions_at) / 4)
      redis.call('HSET', key, session, saved .. ' ' .. holder .. ' ' .. value)
    end
  end
end
for _, key in ipairs(KEYS) do
  local count = foreign[key] and 0 or redis.call('HLEN', key)
  if count > 0 then redis.call('PEXPIRE', key, ttl) end
  if count > sessions_max then
    local kept, ages, gone = redis.call('HGETALL', key), {}, {}
    for i = 1, #kept, 2 do
      local saved = tonumber(string.match(kept[i + 1], '^%d+') or 0)
      ages[#ages + 1] = {saved, kept[i]}
    end
    table.sort(ages, function(a, b) return a[1] < b[1] end)
    for i, age in ipairs(ages) do
      if i <= count - sessions_max or age[1] < oldest then gone[#gone + 1] = age[2] end
    end
    redis.call('HDEL', key, unpack(gone))
  end
end
return 'OK'
