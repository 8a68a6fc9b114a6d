#pragma once

// Values that go to a store and come from it.

#include "base/bytes.hpp"
#include "crier/result.hpp"
#include "history/numbers.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace crier::history {

/// Bounds of what is kept, per program.
struct Retention {
  std::chrono::milliseconds ttl{5 * 60 * 1000};  ///< By age of each event.
  std::uint32_t events_max = 1000;
  std::size_t bytes_max = 1024 * 1024;  ///< Of bodies.
  std::uint32_t sessions_max = 32;      ///< Positions of sessions, a user; the oldest goes.
};

/// How long a claim counts, at least.
constexpr std::chrono::milliseconds claimed_for(const Retention& retention) {
  return std::max<std::chrono::milliseconds>(retention.ttl, std::chrono::hours(1));
}
/// After how long without an event a program's numbers may be forgotten; the floor then stands at
/// its last event, and the next one is its first.
constexpr std::chrono::milliseconds remembered_for(const Retention& retention) {
  return 2 * claimed_for(retention);
}

struct Record {
  Gid gid = 0;
  Seq seq = 0;
  Gid prev = 0;  ///< The gid of the program's event before this one; 0 for its first.
  Bytes body;    ///< The envelope's JSON object without its timestamp.
};

struct AppendRequest {
  std::string program;
  Bytes body;
  /// Idempotency, within the program: for as long as an event is kept, the same token brings the
  /// first result again, and with another body is refused. Empty: none.
  std::string token;
};
struct Appended {
  EventNumbers position;
  Gid prev = 0;
  bool repeated = false;  ///< The token was known; nothing was appended.
};

enum class StoreError : std::uint8_t {
  unavailable,  ///< Nothing was appended or read.
  unknown,      ///< The append may or may not have happened.
  token_taken,  ///< The token came with another body before; nothing was appended.
};

struct ReadRequest {
  std::string program;
  Gid after = 0;                 ///< Exclusive.
  std::uint32_t newest_max = 0;  ///< At most so many, the newest; 0: all that are kept.
};
struct Kept {
  std::string program;
  Gid top = 0;  ///< gid of the program's newest event ever; 0 if none.
  /// Ascending by gid. None is of an earlier epoch: clients know those by other ids than this
  /// one's.
  std::vector<Record> records;
  /// Events of the program cannot be kept or read now: whatever the cursor, it is not whole.
  bool broken = false;
};
struct ReadReply {
  Epoch epoch;
  /// What came before is not known in full: the store began, or may have lost events, here. No
  /// program is whole for a cursor below it. All numbers given out since are above it.
  Gid floor = 0;
  std::vector<Kept> programs;  ///< In the order asked for.
  /// The store's own time when it was read, in microseconds since 1970, or its greatest number if
  /// that is ahead of it: nothing beyond it has been numbered.
  Gid clock = 0;
  Gid last = 0;  ///< The greatest number given out in this epoch, in any program; 0: not known.
};

/// Called once with what a store says of a call.
template <class T>
using Done = std::function<void(Result<T, StoreError>)>;

}  // namespace crier::history
