-- KEYS: one for each claim. ARGV: 1 ttl in ms, 2 PUBLISH or SPUBLISH, 3 channel, and the socket ids
-- in JSON.
local time = redis.call('TIME')
local clock = time[1] * 1000000 + time[2]
local known, fences = redis.call('MGET', unpack(KEYS)), {}
for i, key in ipairs(KEYS) do
  local last = fences[key] or tonumber(known[i] or 0) or 0
  fences[key] = math.max(clock, last + 1)
  fences[i] = string.format('%.0f', fences[key])
  redis.call('SET', key, fences[i], 'PX', ARGV[1])
  redis.call(ARGV[2], ARGV[3], '{"sid":' .. ARGV[3 + i] .. ',"fence":' .. fences[i] .. '}')
end
return fences
