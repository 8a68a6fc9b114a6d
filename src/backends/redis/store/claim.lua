-- Claims sockets for the caller: answers a fence for each, which is above the one before, and tells all nodes.

-- KEYS: for each claim a string, its newest fence, in microseconds since 1970.
local ttl = ARGV[1] -- how long a claim is kept: milliseconds
local publish = ARGV[2] -- PUBLISH or SPUBLISH
local channel = ARGV[3] -- where claims are published
local sids_before = 3 -- arguments before the ids of the sockets in JSON, one for each key

local time = redis.call('TIME')
local clock = time[1] * 1000000 + time[2]
local known, fences = redis.call('MGET', unpack(KEYS)), {}
for i, key in ipairs(KEYS) do
  local last = fences[key] or tonumber(known[i] or 0) or 0
  fences[key] = math.max(clock, last + 1)
  fences[i] = string.format('%.0f', fences[key])
  redis.call('SET', key, fences[i], 'PX', ttl)
  redis.call(publish, channel, '{"sid":' .. ARGV[sids_before + i] .. ',"fence":' .. fences[i] .. '}')
end
return fences
