#pragma once

// What a client that came back is still to be sent: a position in the rings of its programs, from
// which events are pulled as fast as it takes them. Pure: rings go in, events come out.

#include "gateway/ring.hpp"
#include "history/store.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace crier::gateway {

/// From where on, and up to where, a client is sent what it missed.
struct Positions {
  /// One a program: nothing up to here is sent again, everything above it is.
  std::vector<history::Gid> after;
  /// The newest number of them all when the client was admitted: `catchup` speaks of what is up to
  /// here, and follows it.
  history::Gid snapshot = 0;
};

/// What comes next, in gid order over all programs; gap markers are left out.
struct Pull {
  enum class End : std::uint8_t {
    full,      ///< There is more, but no room for it.
    snapshot,  ///< That was all up to the snapshot; once a replay, also when that was nothing.
    top,       ///< That was all.
    lost,      ///< A ring no longer has what comes next: the client has to come back.
  };
  std::vector<history::Record> events;
  End end = End::full;
};

/// A value; as large as eight bytes a program, until the snapshot is reached.
class Replay {
 public:
  explicit Replay(Positions positions);

  /// Bytes that an event takes beside its body, about.
  static constexpr std::size_t event_bytes = 128;

  /// `rings` are the programs' in the order of their positions, null where nothing is known any
  /// more. Takes as many events as have room together; one that is larger may come alone, if it has
  /// room `alone`.
  Pull pull(std::span<const Ring* const> rings, std::size_t room, std::size_t alone);

  /// Up to here everything has been pulled, or is not owed.
  [[nodiscard]] history::Gid position() const { return position_; }

 private:
  [[nodiscard]] history::Gid after(std::size_t program) const;

  std::vector<history::Gid> after_;
  history::Gid snapshot_;
  history::Gid position_ = 0;
  bool beyond_snapshot_ = false;
};

}  // namespace crier::gateway
