#pragma once

// Up to where clients have received everything that cannot say so themselves: those that give
// `auth.session`. What was sent before a ping has arrived when its pong comes. Pure.

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
  std::string holder;  ///< Its connection, as the store knows it.
  Pid pid;             ///< Where it stands. Its sid and its nonce are of no use, and not kept.
};

class Receipts {
 public:
  using Key = std::uint64_t;  ///< The caller's, one for each socket.

  /// `ttl`: how long what is saved is kept. A position that does not move is saved again before
  /// half of it is over, at the next pong.
  Receipts(const PidSeal& seal, std::chrono::milliseconds ttl) : seal_(seal), ttl_(ttl) {}

  /// What is to be kept before this session is admitted: its connection alone moves it from then
  /// on.
  [[nodiscard]] history::SessionPosition position_of(const KeptSession& session) const;
  /// Its socket was admitted. `is_kept`: its position is; else it has changed.
  void add(Key socket, KeptSession session, bool is_kept, TimePoint now);
  /// A ping was sent, after everything up to `gid`.
  void pinged(Key socket, history::Gid gid);
  /// It was answered: everything before it has been received, and heard.
  void ponged(Key socket, TimePoint now);
  void remove(Key socket);

  [[nodiscard]] bool empty() const { return sockets_.empty(); }
  [[nodiscard]] bool has_changed() const { return !changed_.empty(); }
  /// What is to be saved: the newest position of each socket that has changed since the last call.
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
