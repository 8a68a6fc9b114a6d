#pragma once

// What a client that comes back is sent, and what it is told: from its cursor, its memberships and
// one reading of the history. Pure.

#include "access/membership.hpp"
#include "gateway/cursor.hpp"
#include "gateway/feed.hpp"
#include "history/verdict.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace crier::gateway {

struct Recovery {
  std::vector<history::Record> events;  ///< In gid order, over all programs.
  /// A word on each program of the user's, and on those that the pid knew; sorted by program.
  std::vector<std::pair<std::string, history::Verdict>> verdicts;
  bool recovered = false;  ///< Every program is whole: the pid may be repeated.
  Pid next;                ///< Without its sid: what to seal when it is not.
  /// What the client has, whatever this node has heard so far: nothing up to here may be sent live.
  history::Gid floor = 0;
};

/// What has to be known: of each of the user's programs, in their order.
Question recovery_question(const Cursor& cursor, const access::User& user,
                           std::uint32_t timestamp_max);

/// `reply` answers recovery_question() of the same cursor and user. A cursor by timestamp brings
/// the newest `timestamp_max` events a program.
Recovery recover(const Cursor& cursor, const access::User& user, const history::ReadReply& reply,
                 std::uint32_t timestamp_max);

/// The arguments of the event that says so: `["catchup",{"recovered":…,"replayed":…,"programs":
/// {…}}]`.
std::string catchup_arguments(const Recovery& recovery);

}  // namespace crier::gateway
