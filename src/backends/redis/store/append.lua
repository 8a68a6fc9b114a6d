-- Appends the events of a batch, in their order. The answer has a line for each: `epoch gid seq prev batch`,
-- and the digest of its body if a token was bound to it before; `taken`; or `failed`.
--
-- Any command may be refused: rights are withdrawn while a gateway runs. What has happened is what
-- meta says: a member that no field counts is passed over, and HSET makes the events exist. None of
-- the commands after it may raise an error. A channel that is refused makes a hole in its program:
-- events that nobody heard are neither accepted nor sent later.
--
-- What one program's key, field or channel makes impossible fails for its events alone.
--
-- Trimming by age and renewing a key's expiry are left to the first event of a program in each
-- second of numbers: reads leave out what is too old. A second's numbers are given out within two
-- seconds of the clock, or it is done each time; so a key is kept for three seconds more.

-- KEYS[1] and ARGV[1] to ARGV[7]: see epoch.lua. The fields are those of the batch's programs.
local batch_key = KEYS[2] -- string: the answer to this batch, if it was carried out before
local programs_before = 2 -- keys before those of the programs: sorted sets, of records by number
local count = tonumber(field_count) -- the number of programs: 1 to 64
local tokens_before = programs_before + count -- keys before those of the tokens: strings, the line of an event
local at = fields_before + 1 + count -- the place in ARGV of what is read next
local events_max, -- the most events kept of a program: 1 or more
  bytes_max, -- of the bodies of a program's events that are kept: 1 or more
  batch_ttl, -- how long the answer is kept: milliseconds
  token_ttl, -- how long a token is bound: milliseconds
  remembered, -- how long meta has a program without events: milliseconds
  publish, -- PUBLISH or SPUBLISH
  batch -- the id of this batch, the same when it is repeated
  = unpack(ARGV, at, at + 6)
events_max, bytes_max = tonumber(events_max), tonumber(bytes_max)
at = at + 7
-- Then come, for each program, its name in JSON and its channel; and for each event, up to 64, the number of its
-- program from 1, the place of its token in KEYS or 0, and its body in JSON.

local before = call('GET', batch_key)
if before and before ~= '' then return before end
-- Without the right to delete it becomes empty for a moment, which counts as not there.
local function unset(key)
  if type(try('DEL', key)) == 'table' then try('SET', key, '', 'PX', 1) end
end

local programs, last_before = {}, last
for i = 1, count do
  local key, state = KEYS[programs_before + i], known[5 + i]
  local program = {key = key, channel = ARGV[at + 1], added = {}, seq = 0, top = '0', bytes = 0,
    head = '{"epoch":"' .. epoch .. '","program":' .. ARGV[at] .. ','}
  at = at + 2
  local kept = try('ZCARD', key)
  if type(kept) == 'table' then
    if not string.find(kept.err, 'WRONGTYPE', 1, true) then return kept end
    program.failed = true
  elseif state then
    program.seq, program.top, program.bytes = numbers_of(state)
    program.failed = not program.seq
  elseif kept > 0 then
    program.stale = true -- its numbers are lost
    kept = 0
  end
  if kept == 0 then program.bytes = 0 end
  program.kept, program.prev = kept, program.top
  last = max(last, tonumber(program.top) or 0)
  programs[i] = program
end
local tokens = {}
if #KEYS > tokens_before then
  local results = call('MGET', unpack(KEYS, tokens_before + 1))
  for i = 1, #results do tokens[KEYS[tokens_before + i]] = results[i] end
end

local results, messages, news, events_at = {}, {}, {}, at
local gid = nil
local this_ms = clock - clock % 1000
for i = 1, (#ARGV - at + 1) / 3 do
  local program, token, body = programs[tonumber(ARGV[at])], KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2]
  at = at + 3
  local first = token and tokens[token] ~= '' and tokens[token]
  local digest = token and redis.sha1hex(body)
  if program.failed then
    results[i] = 'failed'
  elseif first then
    results[i] = string.match(first, '%S+$') == digest and first or 'taken'
  else
    local next_ms = (math.floor(last / 1000) + 1) * 1000
    if next_ms <= this_ms then gid = clock + clock % 2
    elseif next_ms < clock + 1000000 then gid = next_ms
    else gid = last + 1 + last % 2 end
    gid = max(gid, floor + 1)
    last = gid
    program.seq, program.bytes = program.seq + 1, program.bytes + #body
    local number, seq, prev, added = text(gid), text(program.seq), program.prev, program.added
    local numbers = '"seq":' .. seq .. ',"prev":' .. prev .. ',"gid":' .. number .. ',"envelope":'
    program.prev = number
    added[#added + 1] = number
    added[#added + 1] = '{' .. numbers .. body .. '}'
    messages[#messages + 1] = program
    messages[#messages + 1] = program.head .. numbers .. body .. '}'
    local result = epoch .. ' ' .. number .. ' ' .. seq .. ' ' .. prev .. ' ' .. batch
    results[i] = result
    if token then
      tokens[token] = result .. ' ' .. digest
      news[#news + 1] = token
    end
  end
end
local result = table.concat(results, '\n')
if not gid then return result end

local ahead = max(math.ceil((gid - clock) / 1000), 0)
local fields, why = {}, nil
local second = ahead < 1100 and math.floor(gid / 1000000)
for i = 1, count do
  local program = programs[i]
  local key, kept, bytes = program.key, program.kept, program.bytes
  if #program.added > 0 and not why then
    -- What the server refuses to all shows with the first of these, which raises its error.
    local run = #fields == 0 and call or try
    if program.stale then run('DEL', key) end
    local added = run('ZADD', key, unpack(program.added))
    program.stored = type(added) == 'number'
    why = not program.stored and added or nil
    local is_same_second = kept > 0 and math.floor(program.top / 1000000) == second
    kept = kept + #program.added / 2
    local gone, done = 0, why or is_same_second and kept <= events_max and bytes <= bytes_max
    while kept > 0 and not done do
      local surplus = math.min(max(kept - events_max, 0), 100)
      local heads = try('ZRANGE', key, gone, gone + surplus, 'WITHSCORES')
      why = heads.err and heads
      done = #heads == 0
      for n = 1, #heads, 2 do
        local head = heads[n]
        if kept <= events_max and bytes <= bytes_max and tonumber(heads[n + 1]) >= oldest then
          done = true
          break
        end
        local numbers = string.match(head, '^{"seq":%d+,"prev":%d+,"gid":%d+,"envelope":') or head
        gone, kept = gone + 1, kept - 1
        bytes = max(bytes - max(#head - #numbers - 1, 0), 0)
      end
    end
    local trimmed = gone > 0 and not why and try('ZREMRANGEBYRANK', key, 0, gone - 1)
    local expires = is_same_second or try('PEXPIRE', key, ttl + ahead + 3000)
    why = why or type(trimmed) == 'table' and trimmed or type(expires) == 'table' and expires or nil
    fields[#fields + 1] = ARGV[fields_before + i]
    fields[#fields + 1] = text(program.seq) .. ' ' .. program.prev .. ' ' .. text(bytes)
    program.bytes = bytes
  end
end
if not why then
  local set = try('SET', batch_key, result, 'PX', batch_ttl + ahead)
  for i = 1, #news do
    if not set.err then
      set = try('SET', news[i], tokens[news[i]], 'PX', token_ttl + ahead)
    end
  end
  local counted = not set.err and try('HSET', meta, 'last', text(gid), unpack(fields))
  why = set.err and set or type(counted) == 'table' and counted or nil
end
if why then
  unset(batch_key)
  for i = 1, #news do unset(news[i]) end
  for i = 1, count do
    local program = programs[i]
    if program.stored then try('ZREMRANGEBYRANK', program.key, -#program.added / 2, -1) end
  end
  try('HSET', meta, 'last', text(gid)) -- what is left in a set shares no number with another
  return why
end
local refusal, told = nil, false
for i = 1, #messages, 2 do
  local program = messages[i]
  local heard = program.refused or try(publish, program.channel, messages[i + 1])
  if type(heard) == 'table' then program.refused, refusal = heard, heard else told = true end
end
if refusal then
  local holes, hole = {}, text(gid + 1 + gid % 2)
  for i = 1, count do
    local program = programs[i]
    if program.refused then
      holes[#holes + 1] = ARGV[fields_before + i]
      holes[#holes + 1] = text(program.seq + 1) .. ' ' .. hole .. ' ' .. text(program.bytes)
    end
  end
  try('HSET', meta, 'last', hole, unpack(holes))
  for i = 1, #results do
    local event_at = events_at + 3 * (i - 1)
    local token = KEYS[tonumber(ARGV[event_at + 1])]
    if programs[tonumber(ARGV[event_at])].refused and string.find(results[i], batch, 1, true) then
      results[i] = 'failed'
      if token then unset(token) end
    end
  end
  if not told then
    unset(batch_key)
    return refusal
  end
  result = table.concat(results, '\n')
  try('SET', batch_key, result, 'PX', batch_ttl + ahead)
end

if math.floor(gid / 1000000) ~= math.floor(last_before / 1000000) then
  local from = try('HGET', meta, 'scan')
  from = type(from) == 'string' and string.match(from, '^%d+$') or '0'
  local scan = try('HSCAN', meta, from, 'COUNT', 100)
  local found = scan[2] or {}
  for i = 1, #found, 2 do
    local _, top = nil, nil
    if string.sub(found[i], 1, 8) == 'program:' then _, top = numbers_of(found[i + 1]) end
    top = tonumber(top)
    if top and top < clock - remembered * 1000 and try('HDEL', meta, found[i]) == 1 then
      floor = max(floor, top)
    end
  end
  try('HSET', meta, 'scan', scan[1] or '0', 'floor', text(floor))
end
return result
