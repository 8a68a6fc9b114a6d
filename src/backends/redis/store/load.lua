-- Answers the position of a session, or nothing if none is kept.

local user_key = KEYS[1] -- hash, as in save.lua
local ttl = ARGV[1] -- how long a position is kept: milliseconds
local session = ARGV[2] -- a field of the hash

local kept = redis.pcall('HGET', user_key, session)
if type(kept) == 'table' and not string.find(kept.err, 'WRONGTYPE', 1, true) then return kept end
if type(kept) ~= 'string' then return '' end
local time = redis.call('TIME')
local saved, value = string.match(kept, '^(%d+) %S+ (.*)$')
if not saved or tonumber(saved) < time[1] * 1000000 + time[2] - ttl * 1000 then return '' end
return value
