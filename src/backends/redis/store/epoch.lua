-- The beginning of append.lua and read.lua: which epoch this is, and a new one if that is due. What it
-- declares is theirs, too.
--
-- Numbers are written with %.0f: Lua's tostring rounds them to 14 digits.
--
-- A server that was set back by another, and serves again, lives on under its run_id, over the same
-- connections; but it has another replication id each time that it becomes a master. Only the
-- server knows that id at the moment of the call. A master also takes another id when it gets its
-- first replica, or had none for long; then it has no second id, that of a master before it, and
-- has lost nothing.
--
-- An address may also lead from one server to another and back, or a database be exchanged for
-- another (SWAPDB) and back: then nothing at the server tells. What its callers know does: a number
-- that was given out after this epoch began and is not here, or an epoch that they have left.
-- Numbers up to the floor are no such sign: the epoch began because of them, or after them.
--
-- What others wrote into meta must not stop everything: an epoch or a number that makes no sense
-- counts as none, and a program's field that makes none is that program's own trouble. Room is left
-- below 2^53 for the numbers that follow.
local call, try, format, max = redis.call, redis.pcall, string.format, math.max
local function text(number) return format('%.0f', number) end

local meta = KEYS[1] -- hash: run_id, replid, epoch, last, floor, scan, and the numbers of each program
local run_id = ARGV[1] -- the run id of the server at the other end of the caller's connection
local spare_epoch = ARGV[2] -- 8 characters of A-Z a-z 0-9 _ -, fresh for each call: taken if a new epoch is due
local seen = tonumber(ARGV[3]) -- the greatest number that the caller knows, of any epoch: 0 or more
local epochs = ARGV[4] -- the epoch that it saw last, or nothing, and after a space each those that it has left
local seen_in_epoch = ARGV[5] -- the greatest number that it knows of the first of these: 0 or more
local ttl = ARGV[6] -- how long events are kept: milliseconds, at least 1
local field_count = ARGV[7] -- how many fields of meta are wanted: 0 to 64, whose names are ARGV[8] and on
local fields_before = 7 -- arguments before the names

local time = call('TIME')
local clock = time[1] * 1000000 + time[2]
local oldest = clock - ttl * 1000
local known = call('HMGET', meta, 'run_id', 'epoch', 'last', 'floor', 'replid',
  unpack(ARGV, fields_before + 1, fields_before + field_count))
local replication = call('INFO', 'replication')
-- A plain search costs less than a pattern.
local replid, set_back = known[5], false
if not replid or #replid ~= 40 or not string.find(replication, 'master_replid:' .. replid, 1, true) then
  replid = string.match(replication, 'master_replid:(%w+)') or 'none'
  set_back = known[5] ~= replid and not (known[5] and string.find(replication, 'master_replid2:0+%s'))
end
local epoch, last, floor = known[2], tonumber(known[3] or 0), tonumber(known[4] or 0)
if not (last and last >= 0 and last < 9e15) then epoch, last = false, 0 end
if not (floor and floor >= 0 and floor < 9e15) then epoch, floor = false, 0 end
local place = epoch and #epoch == 8 and string.find(epochs, epoch, 1, true)
if not place and epoch and not string.find(epoch, '^[%w_%-]+$') or epoch and #epoch ~= 8 then
  epoch = false
end
if known[1] ~= run_id or set_back or not epoch or seen > last and seen > floor
  or place and (place > 1 or last < tonumber(seen_in_epoch)) then
  epoch = spare_epoch
  last = max(last, seen)
  floor = max(last, clock - 1)
  call('HSET', meta, 'run_id', run_id, 'replid', replid, 'epoch', epoch, 'last', text(last),
    'floor', text(floor))
elseif known[5] ~= replid then
  call('HSET', meta, 'replid', replid)
end
local greatest = max(clock + 1000000, last, floor)
local function numbers_of(state)
  local seq, top, bytes = string.match(state, '^(%d+) ([1-9]%d*) (%d+)$')
  if seq and #seq < 16 and tonumber(top) <= greatest and #bytes < 16 then return seq, top, bytes end
  return nil, nil, nil
end
