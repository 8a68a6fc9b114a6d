#include "backends/redis/script.hpp"

#include "backends/redis/member.hpp"
#include "backends/redis/reply.hpp"
#include "base/json_text.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

namespace crier::redis {
namespace {

constexpr history::Gid gid_end = history::Gid{1} << 53U;  // a score holds no greater integer

// Numbers are written with %.0f: Lua's tostring rounds them to 14 digits.
//
// ARGV: 1 run_id, 2 spare epoch, 3 greatest number seen by the caller, 4 the epoch that it saw last
// and 5 the greatest number seen of it, 6 ttl in ms
constexpr std::string_view both = R"lua(
local function text(number) return string.format('%.0f', number) end
local meta = KEYS[1]
local time = redis.call('TIME')
local clock = time[1] * 1000000 + time[2]
local oldest = clock - ARGV[6] * 1000
local known = redis.call('HMGET', meta, 'run_id', 'epoch', 'last', 'floor')
local epoch, last, floor = known[2], tonumber(known[3] or 0), tonumber(known[4] or 0)
if known[1] ~= ARGV[1] or not epoch or (epoch == ARGV[4] and last < tonumber(ARGV[5])) then
  epoch = ARGV[2]
  last = math.max(last, tonumber(ARGV[3]))
  floor = math.max(last, clock - 1)
  redis.call('HSET', meta, 'run_id', ARGV[1], 'epoch', epoch, 'last', text(last), 'floor', text(floor))
end
)lua";

// ARGV: 7 events_max, 8 bytes_max, 9 the token's ttl in ms, 10 after how many ms a program is
// forgotten, 11 program, 12 the same in JSON, 13 PUBLISH or SPUBLISH, 14 channel, 15 body, 16 the
// call, 17 whether the token is its own. Everything that can fail comes before the first write.
constexpr std::string_view append_only = R"lua(
local set, token = KEYS[2], KEYS[3]
local field, body = 'program:' .. ARGV[11], ARGV[15]
local digest = ARGV[17] == '1' and '-' or redis.sha1hex(body)
local first = redis.call('GET', token)
if first then
  if string.match(first, '%S+$') ~= digest then return 'taken' end
  return first
end

local seq, prev, bytes = 0, 0, 0
local count = redis.call('ZCARD', set)
local state = redis.call('HGET', meta, field)
if state then
  seq, prev, bytes = string.match(state, '^(%d+) (%d+) (%d+)$')
elseif count > 0 then
  redis.call('DEL', set) -- its numbers are lost
  count = 0
end
if count == 0 then bytes = 0 end

local gid
local next_ms = (math.floor(last / 1000) + 1) * 1000
if next_ms <= clock - clock % 1000 then gid = clock
elseif next_ms < clock + 1000000 then gid = next_ms
else gid = last + 1 end
gid = math.max(gid, floor + 1)
seq, count, bytes = seq + 1, count + 1, bytes + #body

local member = '{"seq":' .. text(seq) .. ',"prev":' .. text(prev) .. ',"gid":' .. text(gid)
  .. ',"envelope":' .. body .. '}'
redis.call('ZADD', set, text(gid), member)
while count > 0 do
  local head = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  if count <= tonumber(ARGV[7]) and bytes <= tonumber(ARGV[8]) and tonumber(head[2]) >= oldest then
    break
  end
  redis.call('ZREMRANGEBYRANK', set, 0, 0)
  local numbers = string.match(head[1], '^{"seq":%d+,"prev":%d+,"gid":%d+,"envelope":') or head[1]
  count, bytes = count - 1, bytes - math.max(#head[1] - #numbers - 1, 0)
end

local ahead = math.max(math.ceil((gid - clock) / 1000), 0)
redis.call('PEXPIRE', set, text(ARGV[6] + ahead))
redis.call('HSET', meta, 'last', text(gid), field, text(seq) .. ' ' .. text(gid) .. ' ' .. text(bytes))
local result = epoch .. ' ' .. text(gid) .. ' ' .. text(seq) .. ' ' .. text(prev)
  .. ' ' .. ARGV[16]
redis.call('SET', token, result .. ' ' .. digest, 'PX', text(ARGV[9] + ahead))
redis.call(ARGV[13], ARGV[14],
  '{"epoch":"' .. epoch .. '","program":' .. ARGV[12] .. ',' .. string.sub(member, 2))

if math.floor(gid / 1000000) ~= math.floor(last / 1000000) then
  local at = string.match(redis.call('HGET', meta, 'scan') or '', '^%d+$') or '0'
  local scan = redis.pcall('HSCAN', meta, at, 'COUNT', 100)
  local fields = scan[2] or {}
  for i = 1, #fields, 2 do
    local top = string.sub(fields[i], 1, 8) == 'program:'
      and tonumber(string.match(fields[i + 1], '^%d+ (%d+) %d+$'))
    if top and top < clock - ARGV[10] * 1000 then
      redis.call('HDEL', meta, fields[i])
      floor = math.max(floor, top)
    end
  end
  redis.call('HSET', meta, 'scan', scan[1] or '0', 'floor', text(floor))
end
return result
)lua";

// ARGV: from 7 on, for each further key: program, after, newest_max.
constexpr std::string_view read_only = R"lua(
local reply = {epoch, text(floor)}
for i = 2, #KEYS do
  local at = 3 * i + 1
  local after, newest_max = tonumber(ARGV[at + 1]), ARGV[at + 2]
  local state = redis.call('HGET', meta, 'program:' .. ARGV[at])
  local top = state and string.match(state, '^%d+ (%d+)') or '0'
  local members = {}
  if tonumber(top) > after then
    local from = after < oldest and text(oldest) or '(' .. text(after)
    if newest_max == '0' then
      members = redis.pcall('ZRANGEBYSCORE', KEYS[i], from, '+inf')
    else
      members = redis.pcall('ZREVRANGEBYSCORE', KEYS[i], '+inf', from, 'LIMIT', 0, newest_max)
    end
    if members.err then members = {} end -- a key of another type is this program's gap only
  end
  reply[i + 1] = {top, members}
end
return reply
)lua";

// ARGV: 1 ttl in ms, 2 the socket id in JSON, 3 PUBLISH or SPUBLISH, 4 channel
constexpr std::string_view claim_only = R"lua(
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[1]) or 0) or 0
local fence = string.format('%.0f', math.max(time[1] * 1000000 + time[2], last + 1))
redis.call('SET', KEYS[1], fence, 'PX', ARGV[1])
redis.call(ARGV[3], ARGV[4], '{"sid":' .. ARGV[2] .. ',"fence":' .. fence .. '}')
return fence
)lua";

std::string text(std::uint64_t number) { return std::to_string(number); }

std::optional<std::uint64_t> number_of(const redisReply& reply) {
  const auto digits = string_of(reply);
  return digits ? history::parse_number(*digits) : std::nullopt;
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
  history::Kept kept{request.program, *top, {}};
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
  return {context.run_id, context.spare_epoch,         text(context.seen),
          context.epoch,  text(context.seen_in_epoch), std::to_string(retention.ttl.count())};
}

void append_all(std::vector<std::string>& to, std::vector<std::string> more) {
  std::move(more.begin(), more.end(), std::back_inserter(to));
}

}  // namespace

std::string append_script() { return std::string(both).append(append_only); }
std::string read_script() { return std::string(both).append(read_only); }
std::string claim_script() { return std::string(claim_only); }

std::vector<std::string> append_arguments(const Names& names, const CallContext& context,
                                          const history::Retention& retention,
                                          const AppendCall& append) {
  const history::AppendRequest& request = *append.request;
  std::vector<std::string> arguments = {"3", names.meta(), names.program(request.program),
                                        names.token(request.program, request.token)};
  append_all(arguments, shared_arguments(context, retention));
  append_all(arguments,
             {text(retention.events_max), text(retention.bytes_max),
              std::to_string(append.token_ttl.count()),
              std::to_string(history::remembered_for(retention).count()), request.program,
              json::quote(request.program), names.publish(), names.program_channel(request.program),
              std::string(request.body.view()), append.call, append.own_token ? "1" : "0"});
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
  for (const history::ReadRequest& request : requests) {
    append_all(arguments,
               {request.program, text(std::min(request.after, gid_end)), text(request.newest_max)});
  }
  return arguments;
}

std::vector<std::string> claim_arguments(const Names& names, const history::Retention& retention,
                                         const std::string& sid) {
  return {"1",
          names.claim(sid),
          std::to_string(history::claimed_for(retention).count()),
          json::quote(sid),
          names.publish(),
          names.claims_channel()};
}

std::optional<Result<history::Appended, history::StoreError>> append_result(const redisReply& reply,
                                                                            std::string_view call) {
  auto rest = string_of(reply);
  if (!rest) return std::nullopt;
  if (rest == "taken") return Unexpected{history::StoreError::token_taken};
  std::array<std::string_view, 5> words;  // epoch, gid, seq, prev, call; what follows is a digest
  for (std::string_view& word : words) {
    const std::size_t end = std::min(rest->find(' '), rest->size());
    word = rest->substr(0, end);
    rest->remove_prefix(std::min(end + 1, rest->size()));
  }
  const auto gid = history::parse_number(words[1]);
  const auto seq = history::parse_number(words[2]);
  const auto prev = history::parse_number(words[3]);
  if (!history::is_epoch(words[0]) || !gid || !seq || !prev) return std::nullopt;
  return history::Appended{{history::Epoch(words[0]), *gid, *seq}, *prev, words[4] != call};
}

std::optional<history::ReadReply> read_result(const redisReply& reply,
                                              const std::vector<history::ReadRequest>& requests) {
  const auto parts = elements_of(reply, 2 + requests.size());
  if (parts.empty()) return std::nullopt;
  const auto epoch = string_of(*parts[0]);
  const auto floor = number_of(*parts[1]);
  if (!epoch || !history::is_epoch(*epoch) || !floor) return std::nullopt;
  history::ReadReply result{history::Epoch(*epoch), *floor, {}};
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto kept = kept_of(*parts[i + 2], requests[i]);
    if (!kept) return std::nullopt;
    result.programs.push_back(*std::move(kept));
  }
  return result;
}

std::optional<history::Fence> claim_result(const redisReply& reply) { return number_of(reply); }

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
