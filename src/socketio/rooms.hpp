#pragma once

// The members of the rooms of one namespace on one worker. A room keeps its members in two dense
// lists: those whose frames may be written directly (a Route each), and the others.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace crier::socketio {

/// A socket of this worker: the caller's table index.
using Slot = std::uint32_t;

/// The descriptor to which frames for a socket can be written directly.
struct Route {
  Slot slot : 31 = 0;            ///< The socket.
  bool deflates : 1 = false;     ///< The socket takes compressed frames; never interpreted here.
  std::int32_t descriptor = -1;  ///< Never interpreted here.
  friend bool operator==(const Route&, const Route&) = default;
};
static_assert(sizeof(Route) == 8);

struct Members {
  std::vector<Route> direct;
  std::vector<Slot> others;
  [[nodiscard]] std::size_t size() const { return direct.size() + others.size(); }
};

/// Single-threaded. The caller limits the number of rooms and the rooms of a socket. Slots must be
/// dense, because they index a table.
class Rooms {
 public:
  /// Joining a room twice has no effect. Empty rooms are deleted. Joining and leaving take O(rooms
  /// of the socket), however many members the room has.
  void join(Slot socket, std::string_view room);
  void leave(Slot socket, std::string_view room);
  /// Call it when the socket has disconnected: its rooms and its route are forgotten, because the
  /// slot may get a new owner.
  void leave_all(Slot socket);

  /// Moves the socket to the direct list, or back to the others, in all its rooms and those that it
  /// joins later. O(rooms of the socket).
  void set_route(const Route& route);
  void clear_route(Slot socket);

  /// The members; null if the room does not exist. Valid until the next change.
  [[nodiscard]] const Members* find(std::string_view room) const;
  [[nodiscard]] std::vector<std::string> rooms_of(Slot socket) const;
  [[nodiscard]] bool is_member(Slot socket, std::string_view room) const;
  [[nodiscard]] std::size_t room_count() const;

  /// Every socket in any of `rooms` (all sockets that have joined a room, if `rooms` is empty) and
  /// in none of `except`; each once, in ascending order.
  [[nodiscard]] std::vector<Slot> select(const std::vector<std::string>& rooms,
                                         const std::vector<std::string>& except) const;

 private:
  struct Membership {
    std::uint32_t room = 0;      ///< Index in rooms_.
    std::uint32_t position = 0;  ///< Index in the room's list that holds the socket.
  };
  struct Socket {
    std::vector<Membership> memberships;
    Route route;
    bool direct = false;  ///< Whether it is in the direct lists of its rooms.
  };
  static_assert(sizeof(Membership) == 8 && sizeof(Socket) <= 40);  // the memory of an idle socket
  struct Room {
    Members members;
    /// The members' index in Socket::memberships, parallel to the lists. With it and
    /// Membership::position, a removal moves one entry and needs no search.
    std::vector<std::uint32_t> direct_backs;
    std::vector<std::uint32_t> other_backs;
    const std::string* name = nullptr;  ///< The key in indexes_.
  };
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);
    }
  };

  std::uint32_t find_or_create(std::string_view name);
  void drop_if_empty(std::uint32_t index);
  [[nodiscard]] const Membership* membership_of(Slot socket, std::string_view room) const;
  [[nodiscard]] std::vector<Slot> everybody() const;
  [[nodiscard]] std::vector<Slot> union_of(const std::vector<std::string>& rooms) const;
  void move(Slot socket, bool direct, const Route& route);
  /// Add the socket to, and remove it from, the list of the room of its membership `index`.
  void enlist(Slot socket, std::uint32_t index);
  void strike(Slot socket, std::uint32_t index);

  std::unordered_map<std::string, std::uint32_t, NameHash, std::equal_to<>> indexes_;
  std::vector<Room> rooms_;
  std::vector<std::uint32_t> free_;  ///< Unused indexes of rooms_.
  std::vector<Socket> sockets_;      ///< By slot.
};

}  // namespace crier::socketio
