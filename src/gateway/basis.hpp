#pragma once

// The basis of a verdict: the client's position when it last received verdicts on its programs. A
// client states one as its cursor; a pid keeps one as long as the client may not have received a
// later verdict.

#include "history/numbers.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

namespace crier::gateway {

/// One membership. A later membership in the same program has another `since`.
struct Membership {
  std::string program;
  std::uint64_t since = 0;  ///< As in access::User.
  friend bool operator==(const Membership&, const Membership&) = default;
};

/// A user's memberships at an admission: by name if there is room, else by their number, two
/// digests, and the time when the newest began.
struct Memberships {
  history::Gid at = 0;            ///< The admission's snapshot of the history.
  std::vector<Membership> named;  ///< Sorted by program.
  std::uint32_t count = 0;        ///< Without names: how many there are.
  std::string digest{};           ///< Without names: as digest_of() makes it. Empty: they are
                                  ///< named.
  std::string exact{};            ///< Without names: as exact_digest_of() makes it.
  /// Without names: the latest `since` of those that had begun by `as_of`. A later `since`, of a
  /// membership that has not begun, would hide memberships that are granted before it begins.
  std::uint64_t newest = 0;
  /// The look-up began at this time or later, by the store's clock; it may be long before the
  /// snapshot.
  std::uint64_t as_of = std::numeric_limits<std::uint64_t>::max();
  friend bool operator==(const Memberships&, const Memberships&) = default;
};

/// A digest of 16 bytes of the programs of these memberships, which are sorted.
std::string digest_of(const std::vector<Membership>& memberships);
/// A digest of the programs and of the time when each membership began.
std::string exact_digest_of(const std::vector<Membership>& memberships);

/// The client gave no cursor: it starts with this admission.
struct NoCursor {
  friend bool operator==(const NoCursor&, const NoCursor&) = default;
};

/// The client gave a cursor that cannot be read.
struct UnreadableCursor {
  friend bool operator==(const UnreadableCursor&, const UnreadableCursor&) = default;
};

/// An earlier admission, and the number up to which the client has received everything since.
struct Snapshot {
  history::Epoch epoch;
  history::Gid gid = 0;
  Memberships memberships;
  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

/// `auth.lastEventId`: the id of the last event that the application has handled.
struct IdCursor {
  history::EventId id;
  friend bool operator==(const IdCursor&, const IdCursor&) = default;
};

/// `auth.lastEventTimestamp`: its time in milliseconds since 1970.
struct TimestampCursor {
  std::int64_t milliseconds = 0;
  friend bool operator==(const TimestampCursor&, const TimestampCursor&) = default;
};

using Basis = std::variant<NoCursor, UnreadableCursor, Snapshot, IdCursor, TimestampCursor>;

}  // namespace crier::gateway
