#pragma once

// The requests, answers and errors of a store.

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

/// Limits on what is stored, for each program.
struct Retention {
  std::chrono::milliseconds ttl{5 * 60 * 1000};  ///< Age limit of each event.
  std::uint32_t events_max = 1000;
  std::size_t bytes_max = 1024 * 1024;  ///< Limit on the bodies' bytes.
  std::uint32_t sessions_max = 32;      ///< Limit on the session positions of each user; the oldest
                                        ///< is dropped.
};

/// Minimum time for which a claim is valid.
constexpr std::chrono::milliseconds claimed_for(const Retention& retention) {
  return std::max<std::chrono::milliseconds>(retention.ttl, std::chrono::hours(1));
}
/// Time without an event after which a program's numbers may be forgotten. The floor is then at
/// least its last event, and its next event counts as its first.
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
  /// Idempotency token, within the program. As long as the event is stored, the same token returns
  /// the first result again; with a different body it is refused. Empty: none.
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
  token_taken,  ///< The token is known with a different body; nothing was appended.
};

struct ReadRequest {
  std::string program;
  Gid after = 0;                 ///< Exclusive.
  std::uint32_t newest_max = 0;  ///< Limit on the events, of which the newest count; 0: all that
                                 ///< are stored.
};
struct Kept {
  std::string program;
  Gid top = 0;  ///< gid of the program's newest event ever; 0 if none.
  /// Ascending by gid. No event is of an earlier epoch, because clients know those by ids of that
  /// epoch.
  std::vector<Record> records;
  /// Events of the program cannot be stored or read now: it is not whole for any cursor.
  bool broken = false;
};
struct ReadReply {
  Epoch epoch;
  /// Events up to here are not fully known: the store began here, or may have lost events. No
  /// program is whole for a cursor below it. All numbers given out since are above it.
  Gid floor = 0;
  std::vector<Kept> programs;  ///< In the order of the requests.
  /// The store's time of the read, in microseconds since 1970, or its greatest number if that is
  /// greater: no number above it has been given out.
  Gid clock = 0;
  Gid last = 0;  ///< The greatest number given out in this epoch, in any program; 0: not known.
};

/// Called once with the outcome of a call to a store.
template <class T>
using Done = std::function<void(Result<T, StoreError>)>;

}  // namespace crier::history
