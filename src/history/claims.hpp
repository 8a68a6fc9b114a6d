#pragma once

// What a store keeps of clients: which node serves a socket id, and how far a session has got.

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
  std::string holder;  ///< Names its connection, as no other; without spaces.
  std::string value;
};

/// Used from one loop's thread; `done` runs there too, exactly once, possibly before the call
/// returns.
class Claims {
 public:
  /// Whether it answers now. False: every call with a `done` fails with `unavailable`.
  [[nodiscard]] virtual bool available() const = 0;

  /// Makes the caller the owner of a socket id, over all nodes: who has a lower fence is not.
  virtual void claim(const std::string& sid, Done<Fence> done) = 0;
  /// The greatest fence of each id, in their order; 0: never claimed, or long ago.
  virtual void fences(std::vector<std::string> sids, Done<std::vector<Fence>> done) = 0;

  /// Somebody presents the id `epoch.gid`. If the store is in that epoch and has not numbered so
  /// far, it has lost an end: it begins a new epoch before it next numbers or reads anything.
  /// Anybody may say so; therefore it counts only while the connection to the store is young, only
  /// for a number that the store's clock has passed, and once a connection.
  virtual void witnessed(const Epoch& epoch, Gid gid) = 0;

  /// Keeps the position for the history's ttl in place of whatever is kept, and lets its connection
  /// hold the session from then on. `done` says whether that is so; after an error it may be, and
  /// may be asked for again.
  virtual void take_over(SessionPosition position, Done<void> done) = 0;
  /// Keeps the positions likewise, but drops those whose connection does not hold its session, and
  /// what cannot be written: an older one costs a repeat, never a loss. A session of which nothing
  /// is kept has no holder, and is saved.
  virtual void save_positions(std::vector<SessionPosition> positions) = 0;
  /// The value that was saved last; empty: none is kept.
  virtual void load_position(const std::string& user, const std::string& session,
                             Done<std::string> done) = 0;

 protected:
  ~Claims() = default;
};

}  // namespace crier::history
