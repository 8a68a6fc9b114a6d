#include "backends/redis/store/script.hpp"

#include "backends/redis/client/reply.hpp"
#include "backends/redis/store/member.hpp"
#include "base/encoding.hpp"
#include "base/json_text.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <utility>

namespace crier::redis {
namespace {

constexpr history::Gid gid_end = history::Gid{1} << 53U;  // a score holds no greater integer

// Numbers are written with %.0f: Lua's tostring rounds them to 14 digits.
//
// A server that was set back by another, and serves again, lives on under its run_id, over the same
// connections; but it has another replication id each time that it becomes a master. Only the
// server knows that id at the moment of the call. A master also takes another id when it gets its
// first replica, or had none for long; then it has no second id, that of a master before it, and
// has lost nothing.
//
// An address may also lead from one server to another and back, or a database be exchanged for
// another (SWAPDB) and back: then nothing at the server tells. What its callers know does: a number
// that was given out after this epoch began and is not here, or an epoch that they have left.
// Numbers up to the floor are no such sign: the epoch began because of them, or after them.
//
// What others wrote into meta must not stop everything: an epoch or a number that makes no sense
// counts as none, and a program's field that makes none is that program's own trouble. Room is left
// below 2^53 for the numbers that follow.
//
// ARGV: 1 run_id, 2 spare epoch, 3 greatest number seen by the caller, 4 the epoch that it saw
// last, and after a space each those that it has left, 5 the greatest number seen of the first of
// these, 6 ttl in ms, 7 how many fields of meta are wanted, and their names
constexpr std::string_view both = R"lua(
local call, try, format, max = redis.call, redis.pcall, string.format, math.max
local function text(number) return format('%.0f', number) end
local meta = KEYS[1]
local time = call('TIME')
local clock = time[1] * 1000000 + time[2]
local oldest = clock - ARGV[6] * 1000
local known = call('HMGET', meta, 'run_id', 'epoch', 'last', 'floor', 'replid',
  unpack(ARGV, 8, 7 + ARGV[7]))
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
local seen = tonumber(ARGV[3])
local place = epoch and #epoch == 8 and string.find(ARGV[4], epoch, 1, true)
if not place and epoch and not string.find(epoch, '^[%w_%-]+$') or epoch and #epoch ~= 8 then
  epoch = false
end
if known[1] ~= ARGV[1] or set_back or not epoch or seen > last and seen > floor
  or place and (place > 1 or last < tonumber(ARGV[5])) then
  epoch = ARGV[2]
  last = max(last, seen)
  floor = max(last, clock - 1)
  call('HSET', meta, 'run_id', ARGV[1], 'replid', replid, 'epoch', epoch, 'last', text(last),
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
)lua";

// KEYS: 1 meta, 2 the batch, the programs, tokens.
// ARGV: from 7 on how many programs, the field of each, 7 that follow below, for each program its
// name in JSON and its channel, and for each event the number of its program, the place of its
// token in KEYS or 0, and its body.
//
// Any command may be refused: rights are withdrawn while a gateway runs. What has happened is what
// meta says: a member that no field counts is passed over, and HSET makes the events exist. None of
// the commands after it may raise an error. A channel that is refused makes a hole in its program:
// events that nobody heard are neither accepted nor sent later.
//
// What one program's key, field or channel makes impossible fails for its events alone.
//
// Trimming by age and renewing a key's expiry are left to the first event of a program in each
// second of numbers: reads leave out what is too old. A second's numbers are given out within two
// seconds of the clock, or it is done each time; so a key is kept for three seconds more.
constexpr std::string_view append_only = R"lua(
local before = call('GET', KEYS[2])
if before and before ~= '' then return before end
-- Without the right to delete it becomes empty for a moment, which counts as not there.
local function unset(key)
  if type(try('DEL', key)) == 'table' then try('SET', key, '', 'PX', 1) end
end
local count, at = tonumber(ARGV[7]), 8 + ARGV[7]
local events_max, bytes_max, batch_ttl, token_ttl, remembered, publish, batch = unpack(ARGV, at, at + 6)
events_max, bytes_max = tonumber(events_max), tonumber(bytes_max)
at = at + 7

local programs, last_before = {}, last
for i = 1, count do
  local key, state = KEYS[2 + i], known[5 + i]
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
if #KEYS > 2 + count then
  local results = call('MGET', unpack(KEYS, 3 + count))
  for i = 1, #results do tokens[KEYS[2 + count + i]] = results[i] end
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
    local expires = is_same_second or try('PEXPIRE', key, ARGV[6] + ahead + 3000)
    why = why or type(trimmed) == 'table' and trimmed or type(expires) == 'table' and expires or nil
    fields[#fields + 1] = ARGV[7 + i]
    fields[#fields + 1] = text(program.seq) .. ' ' .. program.prev .. ' ' .. text(bytes)
    program.bytes = bytes
  end
end
if not why then
  local set = try('SET', KEYS[2], result, 'PX', batch_ttl + ahead)
  for i = 1, #news do
    if not set.err then
      set = try('SET', news[i], tokens[news[i]], 'PX', token_ttl + ahead)
    end
  end
  local counted = not set.err and try('HSET', meta, 'last', text(gid), unpack(fields))
  why = set.err and set or type(counted) == 'table' and counted or nil
end
if why then
  unset(KEYS[2])
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
      holes[#holes + 1] = ARGV[7 + i]
      holes[#holes + 1] = text(program.seq + 1) .. ' ' .. hole .. ' ' .. text(program.bytes)
    end
  end
  try('HSET', meta, 'last', hole, unpack(holes))
  for i = 1, #results do
    local place = events_at + 3 * (i - 1)
    local token = KEYS[tonumber(ARGV[place + 1])]
    if programs[tonumber(ARGV[place])].refused and string.find(results[i], batch, 1, true) then
      results[i] = 'failed'
      if token then unset(token) end
    end
  end
  if not told then
    unset(KEYS[2])
    return refusal
  end
  result = table.concat(results, '\n')
  try('SET', KEYS[2], result, 'PX', batch_ttl + ahead)
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
)lua";

// ARGV: 7 no fields, then for each further key: program, after, newest_max. A third element says of
// a program that its key or its numbers are not Crier's: that is its own trouble only. What is kept
// up to the floor was numbered before the epoch began, and went out under another one's ids.
constexpr std::string_view read_only = R"lua(
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
)lua";

// KEYS: one for each claim. ARGV: 1 ttl in ms, 2 PUBLISH or SPUBLISH, 3 channel, and the socket ids
// in JSON.
constexpr std::string_view claim_only = R"lua(
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
)lua";

std::string text(std::uint64_t number) { return std::to_string(number); }

std::optional<std::uint64_t> number_of(const redisReply& reply) {
  const auto digits = string_of(reply);
  return digits ? parse_number(*digits) : std::nullopt;
}

/// The elements, if it is an array of at least `count`.
std::span<redisReply*> elements_of(const redisReply& reply, std::size_t count) {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements < count) return {};
  return {reply.element, reply.elements};
}

std::optional<history::Kept> kept_of(const redisReply& reply, const history::ReadRequest& request) {
  const auto parts = elements_of(reply, 2);
  if (parts.empty() || parts[1]->type != REDIS_REPLY_ARRAY) return std::nullopt;
  const auto top = number_of(*parts[0]);
  if (!top) return std::nullopt;
  const bool broken = parts.size() > 2 && string_of(*parts[2]) == "broken";
  history::Kept kept{request.program, *top, {}, broken};
  const auto members = elements_of(*parts[1], 0);
  kept.records.reserve(members.size());
  for (const redisReply* member : members) {
    const auto stored = string_of(*member);
    auto record = stored ? decode_member(*stored) : std::nullopt;
    if (record) kept.records.push_back(*std::move(record));
  }
  if (request.newest_max != 0) std::reverse(kept.records.begin(), kept.records.end());
  history::Gid last = request.after;
  std::erase_if(kept.records, [&](const history::Record& record) {
    if (record.gid <= last || record.gid > kept.top) return true;
    last = record.gid;
    return false;
  });
  return kept;
}

std::vector<std::string> shared_arguments(const CallContext& context,
                                          const history::Retention& retention) {
  std::string epochs = context.epoch;
  for (const history::Epoch& left : context.left) epochs.append(" ").append(left);
  return {context.run_id,    context.spare_epoch,         text(context.seen),
          std::move(epochs), text(context.seen_in_epoch), std::to_string(retention.ttl.count())};
}

void append_all(std::vector<std::string>& to, std::vector<std::string> more) {
  std::move(more.begin(), more.end(), std::back_inserter(to));
}

/// The programs of a batch, each once, with its place in the call, which counts from 1.
class Places {
 public:
  explicit Places(const std::vector<const history::AppendRequest*>& requests) {
    for (const history::AppendRequest* request : requests) {
      if (place(request->program) > names_.size()) names_.push_back(request->program);
    }
  }
  [[nodiscard]] const std::vector<std::string_view>& names() const { return names_; }
  /// Above all others if it is none of them.
  [[nodiscard]] std::size_t place(std::string_view program) const {
    return static_cast<std::size_t>(std::ranges::find(names_, program) - names_.begin()) + 1;
  }

 private:
  std::vector<std::string_view> names_;
};

/// Takes a word, or all that is left, from the front of `line`.
std::string_view take_word(std::string_view& line, char separator) {
  const std::size_t end = std::min(line.find(separator), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

/// Of one event; nothing if the line makes no sense.
std::optional<AppendResult> result_of(std::string_view line, std::string_view batch) {
  if (line == "taken") return Unexpected{history::StoreError::token_taken};
  if (line == "failed") return Unexpected{history::StoreError::unavailable};
  std::array<std::string_view, 5> words;  // epoch, gid, seq, prev, batch
  for (std::string_view& word : words) word = take_word(line, ' ');
  const auto gid = parse_number(words[1]);
  const auto seq = parse_number(words[2]);
  const auto prev = parse_number(words[3]);
  if (!history::is_epoch(words[0]) || !gid || !seq || !prev) return std::nullopt;
  // A digest follows what a token is bound to, in an earlier batch or before in this one.
  const bool repeated = words[4] != batch || !line.empty();
  return history::Appended{{history::Epoch(words[0]), *gid, *seq}, *prev, repeated};
}

}  // namespace

std::string append_script() { return std::string(both).append(append_only); }
std::string read_script() { return std::string(both).append(read_only); }
std::string claim_script() { return std::string(claim_only); }

std::vector<std::string> append_arguments(const Names& names, const CallContext& context,
                                          const history::Retention& retention,
                                          const AppendBatch& batch) {
  std::vector<std::string> keys = {names.meta(), names.batch(batch.id)};
  std::vector<std::string> fields;
  std::vector<std::string> channels;
  std::vector<std::string> tokens;
  std::vector<std::string> events;
  const Places programs(batch.requests);
  for (const std::string_view program : programs.names()) {
    keys.push_back(names.program(program));
    fields.push_back(std::string("program:").append(program));
    append_all(channels, {json::quote(program), names.program_channel(program)});
  }
  for (const history::AppendRequest* request : batch.requests) {
    if (!request->token.empty()) tokens.push_back(names.token(request->program, request->token));
    const std::size_t token = request->token.empty() ? 0 : keys.size() + tokens.size();
    append_all(events, {text(programs.place(request->program)), text(token),
                        std::string(request->body.view())});
  }
  append_all(keys, std::move(tokens));

  std::vector<std::string> arguments = {text(keys.size())};
  append_all(arguments, std::move(keys));
  append_all(arguments, shared_arguments(context, retention));
  arguments.push_back(text(fields.size()));
  append_all(arguments, std::move(fields));
  append_all(
      arguments,
      {text(retention.events_max), text(retention.bytes_max), std::to_string(batch.id_ttl.count()),
       std::to_string(retention.ttl.count()),
       std::to_string(history::remembered_for(retention).count()), names.publish(), batch.id});
  append_all(arguments, std::move(channels));
  append_all(arguments, std::move(events));
  return arguments;
}

std::vector<std::string> read_arguments(const Names& names, const CallContext& context,
                                        const history::Retention& retention,
                                        const std::vector<history::ReadRequest>& requests) {
  std::vector<std::string> arguments = {text(requests.size() + 1), names.meta()};
  for (const history::ReadRequest& request : requests) {
    arguments.push_back(names.program(request.program));
  }
  append_all(arguments, shared_arguments(context, retention));
  arguments.emplace_back("0");
  for (const history::ReadRequest& request : requests) {
    append_all(arguments,
               {request.program, text(std::min(request.after, gid_end)), text(request.newest_max)});
  }
  return arguments;
}

std::vector<std::string> claim_arguments(const Names& names, const history::Retention& retention,
                                         const std::vector<std::string>& sids) {
  std::vector<std::string> arguments = {text(sids.size())};
  for (const std::string& sid : sids) arguments.push_back(names.claim(sid));
  append_all(arguments, {std::to_string(history::claimed_for(retention).count()), names.publish(),
                         names.claims_channel()});
  for (const std::string& sid : sids) arguments.push_back(json::quote(sid));
  return arguments;
}

std::optional<std::vector<AppendResult>> append_results(const redisReply& reply,
                                                        const AppendBatch& batch) {
  auto lines = string_of(reply);
  if (!lines) return std::nullopt;
  std::vector<AppendResult> results;
  for (std::size_t i = 0; i < batch.requests.size(); ++i) {
    auto result = result_of(take_word(*lines, '\n'), batch.id);
    if (!result) return std::nullopt;
    results.push_back(*std::move(result));
  }
  if (!lines->empty()) return std::nullopt;
  return results;
}

std::optional<history::ReadReply> read_result(const redisReply& reply,
                                              const std::vector<history::ReadRequest>& requests) {
  const auto parts = elements_of(reply, 4 + requests.size());
  if (parts.empty()) return std::nullopt;
  const auto epoch = string_of(*parts[0]);
  const auto floor = number_of(*parts[1]);
  const auto clock = number_of(*parts[2]);
  const auto last = number_of(*parts[3]);
  if (!epoch || !history::is_epoch(*epoch) || !floor || !clock || !last) return std::nullopt;
  history::ReadReply result{history::Epoch(*epoch), *floor, {}, *clock, *last};
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto kept = kept_of(*parts[i + 4], requests[i]);
    if (!kept) return std::nullopt;
    result.programs.push_back(*std::move(kept));
  }
  return result;
}

std::optional<std::vector<history::Fence>> claim_results(const redisReply& reply,
                                                         std::size_t count) {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements != count) return std::nullopt;
  std::vector<history::Fence> fences;
  for (const redisReply* element : elements_of(reply, count)) {
    const auto fence = number_of(*element);
    if (!fence) return std::nullopt;
    fences.push_back(*fence);
  }
  return fences;
}

std::optional<std::vector<history::Fence>> fences_result(const redisReply& reply,
                                                         std::size_t count) {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements != count) return std::nullopt;
  std::vector<history::Fence> fences;
  for (const redisReply* fence : elements_of(reply, count)) {
    fences.push_back(number_of(*fence).value_or(0));
  }
  return fences;
}

}  // namespace crier::redis
