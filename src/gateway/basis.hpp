#pragma once

// What a verdict is about: where a client stood when it last heard how its programs stand. A client
// gives one as its cursor; a pid keeps one for as long as a later verdict may not have been heard.

#include "history/numbers.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

namespace crier::gateway {

/// One membership: another one of the same program began at another time.
struct Membership {
  std::string program;
  std::uint64_t since = 0;  ///< As access::User has it.
  friend bool operator==(const Membership&, const Membership&) = default;
};

/// A user's memberships at an admission: by name where there is room for that, else by their
/// number, two digests, and when the newest began.
struct Memberships {
  history::Gid at = 0;            ///< The admission's snapshot of the history.
  std::vector<Membership> named;  ///< Sorted by program.
  std::uint32_t count = 0;        ///< Without names,
  std::string digest{};           ///< and as digest_of() makes it. Empty: they are named.
  std::string exact{};            ///< Without names: as exact_digest_of() makes it.
  /// Without names: the latest `since` of those that had begun by `as_of`. A later one, of a
  /// membership that is yet to begin, would hide what is granted before it does.
  std::uint64_t newest = 0;
  /// They were looked up after this, by the store's clock: perhaps long before the snapshot.
  std::uint64_t as_of = std::numeric_limits<std::uint64_t>::max();
  friend bool operator==(const Memberships&, const Memberships&) = default;
};

/// 16 bytes that stand for the programs of these memberships, which are sorted.
std::string digest_of(const std::vector<Membership>& memberships);
/// The same for the programs and when each membership began.
std::string exact_digest_of(const std::vector<Membership>& memberships);

/// The client gave no cursor: it begins here.
struct NoCursor {
  friend bool operator==(const NoCursor&, const NoCursor&) = default;
};

/// The client gave a cursor, and nobody can read it.
struct UnreadableCursor {
  friend bool operator==(const UnreadableCursor&, const UnreadableCursor&) = default;
};

/// An earlier admission, and up to where the client has received everything since.
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
