#pragma once

// Where a client says that it stands. The first statement that can be read counts: a pid with its
// offset, `lastEventId`, `lastEventTimestamp`, the position that the store keeps for the session.
// Absent, null, "" and 0 mean that nothing is stated; whatever else cannot be read is a statement
// all the same, and answered with `reset`.

#include "gateway/basis.hpp"
#include "gateway/pid.hpp"
#include "history/numbers.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::gateway {

struct Cursor {
  Basis basis;  ///< What the verdicts are to be about.
  /// The admission whose verdicts were not heard. What comes after its number is sent, whatever the
  /// verdict.
  std::optional<Snapshot> unheard{};
  /// What it has received since then may have holes in these programs, or, unnamed, in any.
  std::vector<std::string> gaps{};
  bool gaps_unnamed = false;
  std::vector<std::string> ended{};  ///< As Pid has them.
  bool ended_unnamed = false;        ///< So also if a pid that knew them cannot be opened.
  /// The client has everything up to here.
  std::optional<history::EventId> received{};
  /// The offset of a pid that cannot be opened; whose it was, nobody knows. If all that it can mean
  /// is a reset, it is `received` too: what was numbered up to there is loaded.
  std::optional<history::EventId> stale{};

  // Of a valid pid; empty without one.
  std::string pid{};    ///< As the client sent it.
  std::string sid{};    ///< The socket's id that it claims.
  std::string nonce{};  ///< That of its `catchup`.

  std::string session{};  ///< `auth.session`; empty: none.

  [[nodiscard]] bool is_stated() const { return !std::holds_alternative<NoCursor>(basis); }
};

/// `auth` is a valid JSON object; `user` the token's subject, whose the pid must be.
Cursor read_cursor(std::string_view auth, std::string_view user, const PidSeal& seal);

/// The same client, once the store has said where its session stands.
Cursor with_position(Cursor cursor, std::string_view position, std::string_view user,
                     const PidSeal& seal);

/// Where a client's `catchup` ends, `epoch.gid.nonce`: as a cursor, the event id `epoch.gid`.
std::string position_text(const history::EventId& id, std::string_view nonce);

}  // namespace crier::gateway
