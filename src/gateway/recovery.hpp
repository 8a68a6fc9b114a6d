#pragma once

// What a client that connects is sent, and what it is told: from its cursor, its memberships and
// one reading of the history. Pure.
//
// Two positions count for each program. The verdict is about the cursor: where the client stood
// when it last heard how its programs stand. What is sent begins later if the client has received
// more since. Neither is ever before the membership itself.

#include "access/membership.hpp"
#include "gateway/cursor.hpp"
#include "gateway/feed.hpp"
#include "history/verdict.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace crier::gateway {

struct Recovery {
  /// One a user's program, in their order: what is above, up to the snapshot, is sent.
  std::vector<history::Gid> after;
  std::size_t replayed = 0;  ///< How many events that are.
  /// A word on each program of the user's, and on those that the cursor knew by name; sorted.
  std::vector<std::pair<std::string, history::Verdict>> verdicts;
  /// Memberships have ended, or begun, that the cursor could not name.
  bool changed = false;
  bool recovered = false;  ///< Every program is whole and none has left: the pid is repeated.
  /// The cursor is above all that the store has numbered in its epoch: an end was lost.
  bool is_ahead = false;
  /// Without its sid and nonce: what to seal when the pid is not repeated, or to keep for a
  /// session.
  Pid next;
  history::Gid snapshot = 0;  ///< The client has been sent, or told of, everything up to here.
  /// That, as the client is told it; nothing: there is nothing that it could say with it.
  std::optional<history::EventId> position;
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

}  // namespace crier::gateway
