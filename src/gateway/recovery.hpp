#pragma once

// Computes a connecting client's replay and verdicts from its cursor, its memberships and one read
// of the history. Pure.
//
// Two positions count for each program. The verdict is about the cursor, the client's position when
// it last received verdicts. The replay begins later if the client has received more since. Neither
// is ever before the start of the membership.

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
  /// For each of the user's programs, in their order: events above this number, up to the snapshot,
  /// are sent.
  std::vector<history::Gid> after;
  std::size_t replayed = 0;  ///< Number of these events.
  /// The verdict on each of the user's programs, and on those that the cursor names; sorted.
  std::vector<std::pair<std::string, history::Verdict>> verdicts;
  /// Memberships have ended or begun that the cursor does not name.
  bool changed = false;
  bool recovered = false;  ///< Every program is whole and no membership has ended: the pid is
                           ///< repeated.
  /// The cursor is above the store's last number in its epoch: the store has lost its newest
  /// events.
  bool is_ahead = false;
  /// The next pid, without its sid and nonce: to seal if the pid is not repeated, or to store for a
  /// session.
  Pid next;
  history::Gid snapshot = 0;  ///< The replay and the verdicts cover everything up to here.
  /// The snapshot as an offset for the client; nothing if it would be of no use to the client.
  std::optional<history::EventId> position;
  /// The number up to which the client has received events, whatever this node knows: no event up
  /// to here may be sent live.
  history::Gid floor = 0;
};

/// What recover() must know of each of the user's programs, in their order.
Question recovery_question(const Cursor& cursor, const access::User& user,
                           std::uint32_t timestamp_max);

/// `reply` answers recovery_question() for the same cursor and user. A cursor by timestamp replays
/// the newest `timestamp_max` events of each program.
Recovery recover(const Cursor& cursor, const access::User& user, const history::ReadReply& reply,
                 std::uint32_t timestamp_max);

}  // namespace crier::gateway
