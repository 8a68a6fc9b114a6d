#pragma once

// Tracks up to where the clients with `auth.session` have received everything, because they cannot
// state it themselves. Everything sent before a ping has arrived when its pong comes. Pure.

#include "base/time.hpp"
#include "gateway/pid.hpp"
#include "history/store.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace crier::gateway {

struct KeptSession {
  std::string user;
  std::string name;
  std::string holder;  ///< Its connection's id in the store.
  Pid pid;             ///< The session's position. Its sid and nonce are not used, and not stored.
};

class Receipts {
 public:
  using Key = std::uint64_t;  ///< Chosen by the caller, one for each socket.

  /// `ttl`: how long the store keeps a position. A position that does not change is saved again at
  /// the first pong after half of that time.
  Receipts(const PidSeal& seal, std::chrono::milliseconds ttl) : seal_(seal), ttl_(ttl) {}

  /// The position to store before this session is admitted. From then on only its connection moves
  /// it.
  [[nodiscard]] history::SessionPosition position_of(const KeptSession& session) const;
  /// Adds an admitted socket. `is_kept`: its position is stored already; otherwise it counts as
  /// changed.
  void add(Key socket, KeptSession session, bool is_kept, TimePoint now);
  /// Notes that a ping was sent after everything up to `gid`.
  void pinged(Key socket, history::Gid gid);
  /// Notes its pong: the client has received everything before the ping, verdicts included.
  void ponged(Key socket, TimePoint now);
  void remove(Key socket);

  [[nodiscard]] bool empty() const { return sockets_.empty(); }
  [[nodiscard]] bool has_changed() const { return !changed_.empty(); }
  /// The positions to save: the newest of each socket that has changed since the last call.
  std::vector<history::SessionPosition> take_changed();

 private:
  struct Socket {
    KeptSession session;
    history::Gid pinged = 0;
    TimePoint saved_at{};
    bool awaits_pong = false;
  };

  const PidSeal& seal_;
  std::chrono::milliseconds ttl_;
  std::unordered_map<Key, Socket> sockets_;
  std::map<std::string, history::SessionPosition> changed_;  ///< By holder.
};

}  // namespace crier::gateway
