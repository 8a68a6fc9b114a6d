#pragma once

// The cursor of a client that connects. The first readable statement counts: a pid with its offset,
// `lastEventId`, `lastEventTimestamp`, the session's position in the store. Absent, null, "" and 0
// mean that nothing is stated; any other unreadable value is a statement, too, and is answered with
// `reset`.

#include "gateway/basis.hpp"
#include "gateway/pid.hpp"
#include "history/numbers.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::gateway {

struct Cursor {
  Basis basis;  ///< The basis of the verdicts.
  /// The admission whose verdicts the client did not receive. Events after its number are sent,
  /// whatever the verdict.
  std::optional<Snapshot> unheard{};
  /// Programs in which events received since then may have gaps.
  std::vector<std::string> gaps{};
  bool gaps_unnamed = false;
  std::vector<std::string> ended{};  ///< As in Pid.
  bool ended_unnamed = false;        ///< True also if a pid that knew them cannot be opened.
  /// The client has everything up to here.
  std::optional<history::EventId> received{};
  /// The offset of a pid that cannot be opened; whose it was is unknown. If the verdict can only be
  /// a reset, it counts as `received` too, so that the feed reads everything numbered up to there.
  std::optional<history::EventId> stale{};

  // From a valid pid; empty without one.
  std::string pid{};    ///< As the client sent it.
  std::string sid{};    ///< The socket id that the pid claims.
  std::string nonce{};  ///< The nonce of its `catchup`.

  std::string session{};  ///< `auth.session`; empty: none.

  [[nodiscard]] bool is_stated() const { return !std::holds_alternative<NoCursor>(basis); }
};

/// `auth` is a valid JSON object; `user` the token's subject, whose the pid must be.
Cursor read_cursor(std::string_view auth, std::string_view user, const PidSeal& seal);

/// Returns the cursor with the session's position from the store.
Cursor with_position(Cursor cursor, std::string_view position, std::string_view user,
                     const PidSeal& seal);

/// The position at the end of a client's `catchup`, `epoch.gid.nonce`; used as a cursor, it means
/// the event id `epoch.gid`.
std::string position_text(const history::EventId& id, std::string_view nonce);

}  // namespace crier::gateway
