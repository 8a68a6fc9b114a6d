// Implements the rooms' dense lists.

#include "socketio/rooms.hpp"

#include <algorithm>
#include <iterator>

namespace crier::socketio {

void Rooms::join(Slot socket, std::string_view room) {
  if (socket >= sockets_.size()) sockets_.resize(std::size_t{socket} + 1);
  const std::uint32_t index = find_or_create(room);
  std::vector<Membership>& memberships = sockets_[socket].memberships;
  if (std::ranges::find(memberships, index, &Membership::room) != memberships.end()) return;
  memberships.push_back({.room = index});
  enlist(socket, static_cast<std::uint32_t>(memberships.size() - 1));
}

void Rooms::leave(Slot socket, std::string_view room) {
  const Membership* membership = membership_of(socket, room);
  if (membership == nullptr) return;
  std::vector<Membership>& memberships = sockets_[socket].memberships;
  const auto index = static_cast<std::uint32_t>(membership - memberships.data());
  const std::uint32_t left = membership->room;
  strike(socket, index);
  if (index + 1 < memberships.size()) {
    const Membership moved = memberships.back();
    memberships[index] = moved;
    auto& backs =
        sockets_[socket].direct ? rooms_[moved.room].direct_backs : rooms_[moved.room].other_backs;
    backs[moved.position] = index;
  }
  memberships.pop_back();
  drop_if_empty(left);
}

void Rooms::leave_all(Slot socket) {
  if (socket >= sockets_.size()) return;
  const std::vector<Membership>& memberships = sockets_[socket].memberships;
  for (std::uint32_t index = 0; index < memberships.size(); ++index) {
    strike(socket, index);
    drop_if_empty(memberships[index].room);
  }
  sockets_[socket] = {};
}

void Rooms::set_route(const Route& route) {
  if (route.slot >= sockets_.size()) sockets_.resize(std::size_t{route.slot} + 1);
  move(route.slot, true, route);
}

void Rooms::clear_route(Slot socket) {
  if (socket < sockets_.size() && sockets_[socket].direct) move(socket, false, {});
}

void Rooms::move(Slot socket, bool direct, const Route& route) {
  const auto count = static_cast<std::uint32_t>(sockets_[socket].memberships.size());
  for (std::uint32_t index = 0; index < count; ++index) strike(socket, index);
  sockets_[socket].direct = direct;
  sockets_[socket].route = route;
  for (std::uint32_t index = 0; index < count; ++index) enlist(socket, index);
}

const Members* Rooms::find(std::string_view room) const {
  const auto found = indexes_.find(room);
  return found == indexes_.end() ? nullptr : &rooms_[found->second].members;
}

std::vector<std::string> Rooms::rooms_of(Slot socket) const {
  std::vector<std::string> names;
  if (socket >= sockets_.size()) return names;
  for (const Membership& membership : sockets_[socket].memberships) {
    names.push_back(*rooms_[membership.room].name);
  }
  return names;
}

bool Rooms::is_member(Slot socket, std::string_view room) const {
  return membership_of(socket, room) != nullptr;
}

std::size_t Rooms::room_count() const { return indexes_.size(); }

std::vector<Slot> Rooms::select(const std::vector<std::string>& rooms,
                                const std::vector<std::string>& except) const {
  std::vector<Slot> chosen = rooms.empty() ? everybody() : union_of(rooms);
  if (except.empty()) return chosen;
  const std::vector<Slot> excepted = union_of(except);
  std::vector<Slot> rest;
  std::ranges::set_difference(chosen, excepted, std::back_inserter(rest));
  return rest;
}

std::vector<Slot> Rooms::everybody() const {
  std::vector<Slot> slots;
  for (Slot slot = 0; slot < sockets_.size(); ++slot) {
    if (!sockets_[slot].memberships.empty()) slots.push_back(slot);
  }
  return slots;
}

std::vector<Slot> Rooms::union_of(const std::vector<std::string>& rooms) const {
  std::vector<Slot> slots;
  for (const std::string& room : rooms) {
    const Members* members = find(room);
    if (members == nullptr) continue;
    for (const Route& route : members->direct) slots.push_back(route.slot);
    slots.insert(slots.end(), members->others.begin(), members->others.end());
  }
  std::ranges::sort(slots);
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  return slots;
}

std::uint32_t Rooms::find_or_create(std::string_view name) {
  const auto found = indexes_.find(name);
  if (found != indexes_.end()) return found->second;
  auto index = static_cast<std::uint32_t>(rooms_.size());
  if (free_.empty()) {
    rooms_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  rooms_[index].name = &indexes_.emplace(name, index).first->first;
  return index;
}

void Rooms::drop_if_empty(std::uint32_t index) {
  if (rooms_[index].members.size() > 0) return;
  indexes_.erase(indexes_.find(std::string_view(*rooms_[index].name)));
  rooms_[index] = {};
  free_.push_back(index);
}

const Rooms::Membership* Rooms::membership_of(Slot socket, std::string_view room) const {
  const auto found = indexes_.find(room);
  if (found == indexes_.end() || socket >= sockets_.size()) return nullptr;
  const std::vector<Membership>& memberships = sockets_[socket].memberships;
  const auto membership = std::ranges::find(memberships, found->second, &Membership::room);
  return membership == memberships.end() ? nullptr : &*membership;
}

void Rooms::enlist(Slot socket, std::uint32_t index) {
  Socket& entry = sockets_[socket];
  Membership& membership = entry.memberships[index];
  Room& room = rooms_[membership.room];
  if (entry.direct) {
    membership.position = static_cast<std::uint32_t>(room.members.direct.size());
    room.members.direct.push_back(entry.route);
    room.direct_backs.push_back(index);
  } else {
    membership.position = static_cast<std::uint32_t>(room.members.others.size());
    room.members.others.push_back(socket);
    room.other_backs.push_back(index);
  }
}

namespace {

/// Removes an entry by moving the last one to its place.
template <class Entry>
void replace_by_last(std::vector<Entry>& list, std::uint32_t hole) {
  list[hole] = list.back();
  list.pop_back();
}

}  // namespace

void Rooms::strike(Slot socket, std::uint32_t index) {
  const Socket& entry = sockets_[socket];
  const Membership& membership = entry.memberships[index];
  Room& room = rooms_[membership.room];
  Members& members = room.members;
  std::vector<std::uint32_t>& backs = entry.direct ? room.direct_backs : room.other_backs;
  const std::uint32_t hole = membership.position;
  const Slot last = entry.direct ? members.direct.back().slot : members.others.back();
  sockets_[last].memberships[backs.back()].position = hole;
  replace_by_last(backs, hole);
  if (entry.direct) {
    replace_by_last(members.direct, hole);
  } else {
    replace_by_last(members.others, hole);
  }
}

}  // namespace crier::socketio
