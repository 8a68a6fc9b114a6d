#pragma once

// The numbers of events: `gid` orders all events of a store; `seq` counts one program's.

#include "base/random.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crier::history {

/// Microseconds since 1970 UTC, strictly increasing over all programs of a store. It is the order,
/// cursor and time of an event. Below 2^53, so that a Redis score holds it exactly.
using Gid = std::uint64_t;
/// Counts a program's events 1, 2, 3 …
using Seq = std::uint64_t;
/// A random name of a store's numbering, renewed when the store may have lost numbered events. 8
/// characters of base64url.
using Epoch = std::string;
Epoch new_epoch(Random& random);
bool is_epoch(std::string_view text);

/// The number of the next event: the clock's time, advanced to the next millisecond without an
/// event as long as that is less than 1 s ahead of the clock, else the next odd number. So an even
/// number is the first of its millisecond (is_first_of_millisecond()).
Gid next_gid(Gid last, WallTime clock);

/// Whether no event of any program has a smaller number of the same millisecond.
constexpr bool is_first_of_millisecond(Gid gid) { return gid % 2 == 0; }

/// The millisecond since 1970 that an event's timestamp shows.
constexpr std::int64_t milliseconds(Gid gid) { return static_cast<std::int64_t>(gid / 1000); }

struct EventNumbers {
  Epoch epoch;
  Gid gid = 0;
  Seq seq = 0;
  friend bool operator==(const EventNumbers&, const EventNumbers&) = default;
};

/// The id that clients see: `epoch.gid`.
std::string event_id(const Epoch& epoch, Gid gid);
struct EventId {
  Epoch epoch;
  Gid gid = 0;
  friend bool operator==(const EventId&, const EventId&) = default;
};
/// Nothing unless `text` is exactly what event_id() makes.
std::optional<EventId> parse_event_id(std::string_view text);

}  // namespace crier::history
