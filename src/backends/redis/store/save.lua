-- KEYS: one for each user. ARGV: 1 ttl in ms, 2 sessions a user, 3 whether the session is taken
-- over, then for each position the place of its key, the session, its holder and the value.
-- Positions of one call are a microsecond apart.
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
