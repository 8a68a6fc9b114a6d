#pragma once

// The replay of a client that reconnected: a position in the rings of its programs, from which
// events are pulled as fast as the client reads them. Pure: rings go in, events come out.

#include "gateway/ring.hpp"
#include "history/store.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace crier::gateway {

/// The range of the events that a client missed.
struct Positions {
  /// For each program: events above this number are sent again, no others.
  std::vector<history::Gid> after;
  /// The newest number of all programs when the client was admitted. `catchup` covers the events up
  /// to here and follows them.
  history::Gid snapshot = 0;
};

/// The next events, in gid order over all programs, without gap markers.
struct Pull {
  enum class End : std::uint8_t {
    full,      ///< There is more, but no room for it.
    snapshot,  ///< All events up to the snapshot are pulled. Once in each replay, even without
               ///< events.
    top,       ///< All events are pulled.
    lost,      ///< A ring has dropped the next event: the client must reconnect.
  };
  std::vector<history::Record> events;
  End end = End::full;
};

/// The position of a replay. A value; takes eight bytes for each program until the snapshot is
/// reached.
class Replay {
 public:
  explicit Replay(Positions positions);

  /// Approximate bytes of an event besides its body.
  static constexpr std::size_t event_bytes = 128;

  /// `rings` are in the order of the positions; null if nothing is known of the program any more.
  /// Pulls as many events as fit in `room` together; a single larger event is pulled if it fits in
  /// `alone`.
  Pull pull(std::span<const Ring* const> rings, std::size_t room, std::size_t alone);

  /// The number up to which all owed events have been pulled.
  [[nodiscard]] history::Gid position() const { return position_; }

 private:
  [[nodiscard]] history::Gid after(std::size_t program) const;

  std::vector<history::Gid> after_;
  history::Gid snapshot_;
  history::Gid position_ = 0;
  bool beyond_snapshot_ = false;
};

}  // namespace crier::gateway
