#include "gateway/sessions.hpp"

#include <algorithm>
#include <utility>

namespace crier::gateway {

void Sessions::changed(Socket& socket, TimePoint now) {
  socket.saved_at = now;
  changed_[{socket.user, socket.session}] = seal_.seal(socket.pid, socket.user);
}

void Sessions::add(Key key, std::string user, std::string session, Pid pid, TimePoint now) {
  pid.sid.clear();  // nobody claims it
  Socket& socket = sockets_[key];
  socket = {std::move(user), std::move(session), std::move(pid)};
  changed(socket, now);
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
  changed(socket, now);
}

void Sessions::remove(Key socket) { sockets_.erase(socket); }

std::vector<history::SessionPosition> Sessions::take_changed() {
  std::vector<history::SessionPosition> positions;
  positions.reserve(changed_.size());
  for (auto& [session, value] : std::exchange(changed_, {})) {
    positions.push_back({session.first, session.second, std::move(value)});
  }
  return positions;
}

}  // namespace crier::gateway
