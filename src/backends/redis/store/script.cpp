// Builds the calls of the history's scripts and parses their replies.

#include "backends/redis/store/script.hpp"

#include "backends/redis/client/reply.hpp"
#include "backends/redis/store/lua_script.hpp"
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

/// Result of one event; nothing if the line makes no sense.
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

std::string append_script() { return std::string(lua_script("append.lua").value()); }
std::string read_script() { return std::string(lua_script("read.lua").value()); }
std::string claim_script() { return std::string(lua_script("claim.lua").value()); }

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
