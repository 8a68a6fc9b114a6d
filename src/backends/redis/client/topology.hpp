#pragma once

// What Sentinels and the nodes of a cluster say about where a server is.

#include "backends/redis/client/url.hpp"

#include <hiredis/hiredis.h>
#include <optional>
#include <string_view>
#include <vector>

namespace crier::redis {

/// The slot of a cluster that keys with this hash tag are in.
unsigned slot_of(std::string_view hash_tag);

/// All keys and channels of Crier have this hash tag in a cluster.
constexpr std::string_view hash_tag = "socket:events";

/// The answer to SENTINEL GET-MASTER-ADDR-BY-NAME. Nothing: the name is not known there, or the
/// answer makes no sense.
std::optional<Host> master_of(const redisReply& reply);

struct SlotOwner {
  Host primary;
  std::vector<Host> nodes;  ///< All of the cluster that were named, at most nodes_max.
};
/// The answer of `asked` to CLUSTER SLOTS. Nothing: nobody serves `slot`, or the answer makes no
/// sense.
std::optional<SlotOwner> owner_of(unsigned slot, const redisReply& reply, const Host& asked);

/// The answer to ROLE.
bool is_master(const redisReply& reply);

}  // namespace crier::redis
