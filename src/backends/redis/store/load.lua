-- KEYS: 1 the user's. ARGV: 1 ttl in ms, 2 the session.
local kept = redis.pcall('HGET', KEYS[1], ARGV[2])
if type(kept) == 'table' and not string.find(kept.err, 'WRONGTYPE', 1, true) then return kept end
if type(kept) ~= 'string' then return '' end
local time = redis.call('TIME')
local saved, value = string.match(kept, '^(%d+) %S+ (.*)$')
if not saved or tonumber(saved) < time[1] * 1000000 + time[2] - ARGV[1] * 1000 then return '' end
return value
