#pragma once

// Decides whether all events that a client missed of a program can be sent again.

#include "history/store.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace crier::history {

/// What a client is told about one program after a reconnect.
enum class Verdict : std::uint8_t {
  recovered,  ///< The client has, or is sent, everything.
  gap,        ///< Events are missing: trimmed, expired, over a limit, or never numbered.
  reset,      ///< The store has begun a new epoch; what the client missed is unknown.
  joined,     ///< The client is a member from this admission on.
  left,       ///< The client is no longer a member; no events are owed.
};
std::string_view to_string(Verdict verdict);

/// The body of a gap marker, which marks the place of an event that was delivered without a number.
constexpr std::string_view gap_marker = R"({"gap":true})";
bool is_gap_marker(const Record& record);

/// Whether `kept`, read from `cursor` or earlier on, has all events after the cursor: there are
/// none, or the oldest of them has a predecessor at the cursor or before; and none is a gap marker.
/// `floor` is the reply's.
bool is_whole(const Kept& kept, Gid cursor, Gid floor);
/// The same as if only the newest `newest_max` records had been read.
bool is_whole(const Kept& kept, Gid cursor, Gid floor, std::size_t newest_max);

}  // namespace crier::history
