// Reads what Sentinels and cluster nodes answer about the servers.

#include "backends/redis/client/topology.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>

namespace crier::redis {
namespace {

std::optional<std::string_view> text_of(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_STRING) return std::nullopt;
  return std::string_view(reply.str, static_cast<std::size_t>(reply.len));
}

std::optional<Host> valid(std::string_view host, std::int64_t port) {
  if (!is_host(host) || port < 1 || port > 65535) return std::nullopt;
  return Host{std::string(host), static_cast<std::uint16_t>(port)};
}

/// `host port id …`; a node that does not know its own address leaves the host out.
std::optional<Host> node_of(const redisReply& reply, const Host& asked) {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements < 2) return std::nullopt;
  const redisReply& host = *reply.element[0];
  const redisReply& port = *reply.element[1];
  if (port.type != REDIS_REPLY_INTEGER) return std::nullopt;
  if (host.type == REDIS_REPLY_NIL) return valid(asked.name, port.integer);
  const auto text = text_of(host);
  if (!text) return std::nullopt;
  return valid(text->empty() ? asked.name : *text, port.integer);
}

void add(std::vector<Host>& nodes, const Host& node) {
  if (nodes.size() == nodes_max || std::ranges::find(nodes, node) != nodes.end()) return;
  nodes.push_back(node);
}

}  // namespace

/// CRC-16/XMODEM, as the specification of Redis Cluster has it.
unsigned slot_of(std::string_view hash_tag) {
  unsigned crc = 0;
  for (const char c : hash_tag) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8U;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1U) ^ ((crc & 0x8000U) != 0 ? 0x11021U : 0U);
  }
  return crc % 16384;
}

std::optional<Host> master_of(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 2) return std::nullopt;
  const auto host = text_of(*reply.element[0]);
  const auto port = text_of(*reply.element[1]);
  if (!host || !port) return std::nullopt;
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port->data(), port->data() + port->size(), number);
  if (error != std::errc() || end != port->data() + port->size()) return std::nullopt;
  return valid(*host, number);
}

std::optional<SlotOwner> owner_of(unsigned slot, const redisReply& reply, const Host& asked) {
  if (reply.type != REDIS_REPLY_ARRAY) return std::nullopt;
  SlotOwner owner;
  bool found = false;
  for (std::size_t i = 0; i < reply.elements; ++i) {
    const redisReply& range = *reply.element[i];
    if (range.type != REDIS_REPLY_ARRAY || range.elements < 3) return std::nullopt;
    const redisReply& first = *range.element[0];
    const redisReply& last = *range.element[1];
    if (first.type != REDIS_REPLY_INTEGER || last.type != REDIS_REPLY_INTEGER) return std::nullopt;
    for (std::size_t at = 2; at < range.elements; ++at) {
      const auto node = node_of(*range.element[at], asked);
      if (node) add(owner.nodes, *node);
      if (!node || at != 2 || first.integer > slot || last.integer < slot) continue;
      owner.primary = *node;
      found = true;
    }
  }
  return found ? std::optional(std::move(owner)) : std::nullopt;
}

bool is_master(const redisReply& reply) {
  return reply.type == REDIS_REPLY_ARRAY && reply.elements > 0 &&
         text_of(*reply.element[0]) == "master";
}

}  // namespace crier::redis
