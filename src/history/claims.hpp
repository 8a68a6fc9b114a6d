#pragma once

// The part of a store that concerns clients: which node serves a socket id, and up to where a
// session has received events.

#include "history/records.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace crier::history {

/// Orders the claims to one socket id: each is greater than all before it.
using Fence = std::uint64_t;

/// Up to where one session of a user is known to have received everything. The store does not look
/// into `value`, which is not empty.
constexpr std::size_t session_value_bytes_max = 1024;
struct SessionPosition {
  std::string user;
  std::string session;
  std::string holder;  ///< Unique id of the session's connection; without spaces.
  std::string value;
};

/// The claims to socket ids and the positions of sessions. Used from one loop's thread; `done` runs
/// there too, exactly once, possibly before the call returns.
class Claims {
 public:
  /// Whether the store answers now. False: every call with a `done` fails with `unavailable`.
  [[nodiscard]] virtual bool available() const = 0;

  /// Makes the caller the owner of a socket id, over all nodes; a claim with a lower fence is no
  /// longer valid.
  virtual void claim(const std::string& sid, Done<Fence> done) = 0;
  /// Returns the greatest fence of each id, in their order; 0: never claimed, or long ago.
  virtual void fences(std::vector<std::string> sids, Done<std::vector<Fence>> done) = 0;

  /// Reports that a client presents the id `epoch.gid`. If the store is in that epoch and its last
  /// number is lower, it has lost its newest events: it begins a new epoch before it next numbers
  /// or reads anything. Any client can present any id; therefore a report counts only while the
  /// connection to the store is young, only for a number that the store's clock has passed, and
  /// once for each connection to the store.
  virtual void witnessed(const Epoch& epoch, Gid gid) = 0;

  /// Replaces the stored position, keeps it for the history's ttl, and makes its connection the
  /// session's holder. `done` gets the outcome; after an error the position may still have been
  /// stored, and the call may be retried.
  virtual void take_over(SessionPosition position, Done<void> done) = 0;
  /// Stores the positions likewise, but drops those whose connection does not hold its session, and
  /// those that cannot be written: an older position causes repeated events, never lost ones. A
  /// session without a stored position has no holder, so its position is saved.
  virtual void save_positions(std::vector<SessionPosition> positions) = 0;
  /// Returns the value that was saved last; empty: none is stored.
  virtual void load_position(const std::string& user, const std::string& session,
                             Done<std::string> done) = 0;

 protected:
  ~Claims() = default;
};

}  // namespace crier::history
