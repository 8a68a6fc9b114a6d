-- ARGV: 7 no fields, then for each further key: program, after, newest_max. A third element says of
-- a program that its key or its numbers are not Crier's: that is its own trouble only. What is kept
-- up to the floor was numbered before the epoch began, and went out under another one's ids.
local reply = {epoch, text(floor), text(max(clock, last)), text(last)}
for i = 2, #KEYS do
  local at = 3 * i + 2
  local after, newest_max = max(tonumber(ARGV[at + 1]), floor), ARGV[at + 2]
  local state = call('HGET', meta, 'program:' .. ARGV[at])
  local top = state and select(2, numbers_of(state)) or '0'
  local members = {}
  local broken = type(try('ZCARD', KEYS[i])) == 'table' or state and top == '0'
  if not broken and tonumber(top) > after then
    local from = after < oldest and text(oldest) or '(' .. text(after)
    if newest_max == '0' then
      members = call('ZRANGEBYSCORE', KEYS[i], from, '+inf')
    else
      members = call('ZREVRANGEBYSCORE', KEYS[i], '+inf', from, 'LIMIT', 0, newest_max)
    end
  end
  reply[i + 3] = {top, members, broken and 'broken' or nil}
end
return reply
