#include "gateway/sessions.hpp"

#include <algorithm>
#include <utility>

namespace crier::gateway {

history::SessionPosition Sessions::position_of(const Socket& socket) const {
  return {socket.user, socket.session, socket.id, seal_.seal(socket.pid, socket.user)};
}

history::SessionPosition Sessions::add(Key key, std::string user, std::string session, Pid pid,
                                       TimePoint now) {
  std::string id = std::exchange(pid.sid, {});  // nobody claims it
  Socket& socket = sockets_[key];
  socket = {std::move(user), std::move(session), std::move(id), std::move(pid), 0, now};
  history::SessionPosition position = position_of(socket);
  position.takes_over = true;
  return position;
}

void Sessions::pinged(Key key, history::Gid gid) {
  const auto found = sockets_.find(key);
  if (found == sockets_.end()) return;
  found->second.pinged = gid;
  found->second.awaits_pong = true;
}

void Sessions::ponged(Key key, TimePoint now) {
  const auto found = sockets_.find(key);
  if (found == sockets_.end()) return;
  Socket& socket = found->second;
  if (!std::exchange(socket.awaits_pong, false)) return;
  Snapshot& here = socket.pid.here;
  // What its admission told it, up to the snapshot, came before the ping too.
  const history::Gid gid = std::max({here.gid, here.memberships.at, socket.pinged});
  const bool is_due = now - socket.saved_at >= ttl_ / 2;
  if (gid == here.gid && !socket.pid.earlier && !is_due) return;
  here.gid = gid;
  socket.pid.earlier.reset();
  socket.saved_at = now;
  changed_[socket.id] = position_of(socket);
}

void Sessions::remove(Key socket) { sockets_.erase(socket); }

std::vector<history::SessionPosition> Sessions::take_changed() {
  std::vector<history::SessionPosition> positions;
  positions.reserve(changed_.size());
  for (auto& [id, position] : std::exchange(changed_, {})) positions.push_back(std::move(position));
  return positions;
}

}  // namespace crier::gateway
