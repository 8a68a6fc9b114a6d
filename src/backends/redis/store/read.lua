-- Reads programs. The answer: the epoch, its floor, the greater of clock and last number, the last number, and for each
-- program its top number and records. A third element says of a program that its key or its numbers are not
-- Crier's: that is its own trouble only. What is kept up to the floor was numbered before the epoch began, and
-- went out under another one's ids.

-- KEYS[1] and ARGV[1] to ARGV[7]: see epoch.lua. No fields are asked for.
local programs_before = 1 -- keys before those of the programs: sorted sets, of records by number
-- Then come, for each program, its name, after which number (0 to 2^53), and how many of the newest, or 0 for all.

local reply = {epoch, text(floor), text(max(clock, last)), text(last)}
for i = 1, #KEYS - programs_before do
  local key, at = KEYS[programs_before + i], fields_before + 1 + 3 * (i - 1)
  local program, after, newest_max = ARGV[at], max(tonumber(ARGV[at + 1]), floor), ARGV[at + 2]
  local state = call('HGET', meta, 'program:' .. program)
  local top = state and select(2, numbers_of(state)) or '0'
  local members = {}
  local broken = type(try('ZCARD', key)) == 'table' or state and top == '0'
  if not broken and tonumber(top) > after then
    local from = after < oldest and text(oldest) or '(' .. text(after)
    if newest_max == '0' then
      members = call('ZRANGEBYSCORE', key, from, '+inf')
    else
      members = call('ZREVRANGEBYSCORE', key, '+inf', from, 'LIMIT', 0, newest_max)
    end
  end
  reply[4 + i] = {top, members, broken and 'broken' or nil}
end
return reply
