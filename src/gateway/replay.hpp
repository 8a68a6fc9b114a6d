#pragma once

// What a client that gives `lastEventTimestamp` is sent: computed from the histories of its
// programs. Pure.

#include "history/store.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace crier::gateway {

/// What to read so that replay() can decide: each program's newest events from the millisecond
/// `timestamp_ms` on, one more than the bound.
std::vector<history::ReadRequest> replay_reads(const std::vector<std::string>& programs,
                                               std::int64_t timestamp_ms, std::uint32_t events_max);

/// An event to send again: its id's parts and body.
struct Replayed {
  history::Gid gid = 0;
  Bytes body;
};

/// The newest `events_max` events of each program after the millisecond, all in gid order. The
/// millisecond itself is left out, unless several of these events share it: then the client may
/// have seen only some of them, and all of it is sent again.
std::vector<Replayed> replay(const history::ReadReply& reply, std::int64_t timestamp_ms,
                             std::uint32_t events_max);

}  // namespace crier::gateway
