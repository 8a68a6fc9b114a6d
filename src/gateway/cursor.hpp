#pragma once

// Where a client says that it stands. Exactly one statement counts: a valid pid, else
// `lastEventId`, else `lastEventTimestamp`.

#include "gateway/pid.hpp"
#include "history/numbers.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace crier::gateway {

/// It says nothing, or nothing that makes sense.
struct NoCursor {};

/// The official client's own recovery: its pid and the last id that it has handled.
struct PidCursor {
  Pid pid;
  std::string sealed;    ///< The pid as the client sent it.
  history::Gid gid = 0;  ///< Of the offset, but never before the pid's start.
};

/// `auth.lastEventId`: the id of the last event that the application has handled.
struct IdCursor {
  history::EventId id;
};

/// `auth.lastEventTimestamp`: its time in milliseconds.
struct TimestampCursor {
  std::int64_t milliseconds = 0;
};

using Cursor = std::variant<NoCursor, PidCursor, IdCursor, TimestampCursor>;

/// `auth` is a valid JSON object; `user` the token's subject, whose the pid must be.
Cursor read_cursor(std::string_view auth, std::string_view user, const PidSeal& seal);

}  // namespace crier::gateway
