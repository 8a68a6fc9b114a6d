// Implements the receipts of sessions.

#include "gateway/receipts.hpp"

#include <algorithm>
#include <utility>

namespace crier::gateway {

history::SessionPosition Receipts::position_of(const KeptSession& session) const {
  Pid pid = session.pid;
  pid.sid.clear();    // no client claims it
  pid.nonce.clear();  // no client states an offset
  return {session.user, session.name, session.holder, seal_.seal(pid, session.user)};
}

void Receipts::add(Key key, KeptSession session, bool is_kept, TimePoint now) {
  if (!is_kept) changed_[session.holder] = position_of(session);
  sockets_[key] = {std::move(session), 0, now};
}

void Receipts::pinged(Key key, history::Gid gid) {
  const auto found = sockets_.find(key);
  if (found == sockets_.end()) return;
  found->second.pinged = gid;
  found->second.awaits_pong = true;
}

void Receipts::ponged(Key key, TimePoint now) {
  const auto found = sockets_.find(key);
  if (found == sockets_.end()) return;
  Socket& socket = found->second;
  if (!std::exchange(socket.awaits_pong, false)) return;
  Pid& pid = socket.session.pid;
  Snapshot& here = pid.here;
  // The events and verdicts of its admission, up to the snapshot, came before the ping, too.
  const history::Gid gid = std::max({here.gid, here.memberships.at, socket.pinged});
  const bool is_due = now - socket.saved_at >= ttl_ / 2;
  if (gid == here.gid && !pid.earlier && !is_due) return;
  here.gid = gid;
  pid.earlier.reset();
  socket.saved_at = now;
  changed_[socket.session.holder] = position_of(socket.session);
}

void Receipts::remove(Key socket) { sockets_.erase(socket); }

std::vector<history::SessionPosition> Receipts::take_changed() {
  std::vector<history::SessionPosition> positions;
  positions.reserve(changed_.size());
  for (auto& [holder, position] : std::exchange(changed_, {}))
    positions.push_back(std::move(position));
  return positions;
}

}  // namespace crier::gateway
