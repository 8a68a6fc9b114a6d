// Reads replies of Redis: pushes, errors and refusals.

#include "backends/redis/client/reply.hpp"

#include "backends/redis/client/connection.hpp"
#include "base/encoding.hpp"

#include <algorithm>
#include <array>

namespace crier::redis {
namespace {

/// Errors that say that the server, not the call, is the trouble. The scripts deal with a key of
/// one program that has another type: what comes as WRONGTYPE is about the key that all need.
constexpr std::array<std::string_view, 16> refusals = {
    "LOADING",    "READONLY", "OOM",        "NOAUTH",      "NOPERM",    "MISCONF",
    "MASTERDOWN", "BUSY",     "NOREPLICAS", "CLUSTERDOWN", "WRONGPASS", "UNKILLABLE",
    "MOVED",      "ASK",      "TRYAGAIN",   "WRONGTYPE"};

}  // namespace

std::optional<std::string_view> string_of(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_STRING) return std::nullopt;
  return std::string_view(reply.str, static_cast<std::size_t>(reply.len));
}

std::optional<std::string> info_of(const redisReply& info, std::string_view field) {
  const auto text = string_of(info);
  if (!text) return std::nullopt;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find_first_of("\r\n", at), text->size());
    const std::string_view line = text->substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(field) || line.substr(field.size(), 1) != ":") continue;
    if (line.size() == field.size() + 1) return std::nullopt;
    return std::string(line.substr(field.size() + 1));
  }
  return std::nullopt;
}

std::optional<std::string> run_id_of(const redisReply& info) { return info_of(info, "run_id"); }

std::string eviction_of(const redisReply& info) {
  const std::string limit = info_of(info, "maxmemory").value_or("0");
  std::string policy = info_of(info, "maxmemory_policy").value_or("noeviction");
  return limit == "0" || policy == "noeviction" ? std::string() : policy;
}

std::optional<std::uint64_t> time_of(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 2) return std::nullopt;
  std::array<std::uint64_t, 2> parts{};  // seconds, microseconds
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto text = string_of(*reply.element[i]);
    const auto number = text ? parse_number(*text) : std::nullopt;
    if (!number) return std::nullopt;
    parts.at(i) = *number;
  }
  if (parts[0] > 9'007'199'254) return std::nullopt;
  return parts[0] * 1'000'000 + parts[1];
}

bool is_pong(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_STATUS) {
    return std::string_view(reply.str, static_cast<std::size_t>(reply.len)) == "PONG";
  }
  return reply.type == REDIS_REPLY_ARRAY && reply.elements == 2 &&
         string_of(*reply.element[0]) == "pong";
}

std::optional<Push> push_of(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 3) return std::nullopt;
  const auto word = string_of(*reply.element[0]);
  const auto channel = string_of(*reply.element[1]);
  if (!word || !channel) return std::nullopt;
  if (word == "message" || word == "smessage") {
    const auto message = string_of(*reply.element[2]);
    if (!message) return std::nullopt;
    return Push{Push::Kind::message, *channel, *message};
  }
  if (reply.element[2]->type != REDIS_REPLY_INTEGER) return std::nullopt;
  if (word == "subscribe" || word == "ssubscribe")
    return Push{Push::Kind::subscribed, *channel, {}};
  if (word == "unsubscribe" || word == "sunsubscribe") {
    return Push{Push::Kind::unsubscribed, *channel, {}};
  }
  return std::nullopt;
}

std::string_view refusal_of(const redisReply& error) {
  const std::string_view text(error.str, static_cast<std::size_t>(error.len));
  const std::string code = error_code(error);
  for (const std::string_view refusal : refusals) {
    if (code == refusal) return refusal;
    if (code == "ERR" && text.find(std::string(" -").append(refusal)) != text.npos) return refusal;
  }
  return {};
}

std::string refusal_text(const redisReply& error) {
  const std::string text = error_text(error);
  const std::size_t at = text.find(" -" + std::string(refusal_of(error)));
  return at == text.npos ? text : text.substr(at + 2);
}

Answer answer_of(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_ERROR) return Answer::result;
  if (error_code(reply) == "NOSCRIPT") return Answer::scripts_lost;
  return refusal_of(reply).empty() ? Answer::failed : Answer::refused;
}

}  // namespace crier::redis
