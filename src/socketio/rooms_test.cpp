#include "socketio/rooms.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace crier::socketio {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

Route route_of(Slot socket, std::int32_t descriptor) {
  return {.slot = socket, .descriptor = descriptor};
}

TEST(Rooms, ExistWhileTheyHaveMembers) {
  Rooms rooms;
  EXPECT_EQ(rooms.find("a"), nullptr);
  rooms.join(1, "a");
  rooms.join(2, "a");
  ASSERT_NE(rooms.find("a"), nullptr);
  EXPECT_EQ(rooms.find("a")->size(), 2U);
  EXPECT_EQ(rooms.room_count(), 1U);
  rooms.leave(1, "a");
  rooms.leave(2, "a");
  EXPECT_EQ(rooms.find("a"), nullptr);
  EXPECT_EQ(rooms.room_count(), 0U);
}

TEST(Rooms, JoinedTwiceAreJoinedOnce) {
  Rooms rooms;
  rooms.join(1, "a");
  rooms.join(1, "a");
  EXPECT_THAT(rooms.find("a")->others, ElementsAre(1));
  rooms.leave(1, "a");
  EXPECT_FALSE(rooms.is_member(1, "a"));
}

TEST(Rooms, AreListedForEachSocket) {
  Rooms rooms;
  rooms.join(1, "a");
  rooms.join(1, "b");
  rooms.join(2, "b");
  EXPECT_THAT(rooms.rooms_of(1), UnorderedElementsAre("a", "b"));
  EXPECT_THAT(rooms.rooms_of(2), ElementsAre("b"));
  EXPECT_THAT(rooms.rooms_of(0), IsEmpty());
  EXPECT_THAT(rooms.rooms_of(99), IsEmpty());
  EXPECT_TRUE(rooms.is_member(1, "a"));
  EXPECT_FALSE(rooms.is_member(2, "a"));
  EXPECT_FALSE(rooms.is_member(99, "a"));
  EXPECT_FALSE(rooms.is_member(1, "nowhere"));
}

TEST(Rooms, IgnoreLeavingWhatWasNotJoined) {
  Rooms rooms;
  rooms.join(1, "a");
  rooms.leave(2, "a");
  rooms.leave(1, "b");
  rooms.leave(99, "a");
  rooms.leave_all(99);
  EXPECT_THAT(rooms.find("a")->others, ElementsAre(1));
}

TEST(Rooms, KeepDirectMembersApart) {
  Rooms rooms;
  rooms.join(1, "a");
  rooms.set_route(route_of(2, 22));
  rooms.join(2, "a");
  rooms.join(3, "a");
  rooms.set_route(route_of(3, 33));
  EXPECT_THAT(rooms.find("a")->direct, ElementsAre(route_of(2, 22), route_of(3, 33)));
  EXPECT_THAT(rooms.find("a")->others, ElementsAre(1));
  EXPECT_EQ(rooms.find("a")->size(), 3U);
}

TEST(Rooms, MoveASocketBetweenTheListsInAllItsRooms) {
  Rooms rooms;
  rooms.join(1, "a");
  rooms.join(1, "b");
  rooms.join(2, "a");
  rooms.set_route(route_of(1, 11));
  EXPECT_THAT(rooms.find("a")->direct, ElementsAre(route_of(1, 11)));
  EXPECT_THAT(rooms.find("b")->direct, ElementsAre(route_of(1, 11)));
  EXPECT_THAT(rooms.find("a")->others, ElementsAre(2));
  rooms.set_route(route_of(1, 12));
  EXPECT_THAT(rooms.find("b")->direct, ElementsAre(route_of(1, 12)));
  rooms.clear_route(1);
  EXPECT_THAT(rooms.find("a")->direct, IsEmpty());
  EXPECT_THAT(rooms.find("b")->others, ElementsAre(1));
}

TEST(Rooms, ForgetTheRouteOfASocketThatIsGone) {
  Rooms rooms;
  rooms.set_route(route_of(1, 11));
  rooms.join(1, "a");
  rooms.leave_all(1);
  EXPECT_EQ(rooms.room_count(), 0U);
  rooms.join(1, "a");
  EXPECT_THAT(rooms.find("a")->direct, IsEmpty()) << "the slot's next owner has another descriptor";
  EXPECT_THAT(rooms.find("a")->others, ElementsAre(1));
}

TEST(Rooms, KeepTheRouteOfASocketThatLeavesItsLastRoom) {
  Rooms rooms;
  rooms.set_route(route_of(1, 11));
  rooms.join(1, "a");
  rooms.leave(1, "a");
  rooms.join(1, "b");
  EXPECT_THAT(rooms.find("b")->direct, ElementsAre(route_of(1, 11)));
}

TEST(Rooms, SelectEachSocketOnceAndNoExceptedOne) {
  Rooms rooms;
  rooms.set_route(route_of(3, 33));
  for (const Slot socket : {3U, 1U, 2U}) rooms.join(socket, "a");
  for (const Slot socket : {2U, 3U, 4U}) rooms.join(socket, "b");
  rooms.join(5, "c");
  rooms.join(3, "quiet");
  struct Case {
    std::vector<std::string> rooms;
    std::vector<std::string> except;
    std::vector<Slot> selected;
  };
  const Case cases[] = {
      {{"a"}, {}, {1, 2, 3}},      {{"a", "b"}, {}, {1, 2, 3, 4}},
      {{"a", "a"}, {}, {1, 2, 3}}, {{"a", "nowhere"}, {}, {1, 2, 3}},
      {{"nowhere"}, {}, {}},       {{}, {}, {1, 2, 3, 4, 5}},
      {{"a"}, {"b"}, {1}},         {{"a", "b"}, {"quiet", "nowhere"}, {1, 2, 4}},
      {{}, {"a", "c"}, {4}},       {{"a"}, {"a"}, {}},
  };
  for (const Case& c : cases) EXPECT_EQ(rooms.select(c.rooms, c.except), c.selected);
}

/// The same by sets, to compare with after every step.
class Model {
 public:
  void check(const Rooms& rooms) const {
    std::map<std::string, std::set<Slot>> members;
    for (const auto& [socket, names] : joined) {
      for (const std::string& name : names) members[name].insert(socket);
      const auto listed = rooms.rooms_of(socket);
      ASSERT_EQ(std::set(listed.begin(), listed.end()), names);
      ASSERT_EQ(listed.size(), names.size());
    }
    ASSERT_EQ(rooms.room_count(), members.size());
    for (const auto& [name, sockets] : members) check_room(*rooms.find(name), sockets);
  }

  std::map<Slot, std::set<std::string>> joined;
  std::map<Slot, Route> routes;

 private:
  void check_room(const Members& found, const std::set<Slot>& sockets) const {
    ASSERT_EQ(found.size(), sockets.size());
    for (const Route& route : found.direct) {
      ASSERT_TRUE(sockets.contains(route.slot));
      ASSERT_EQ(route, routes.at(route.slot));
    }
    for (const Slot socket : found.others) {
      ASSERT_TRUE(sockets.contains(socket));
      ASSERT_FALSE(routes.contains(socket));
    }
  }
};

TEST(Rooms, AgreeWithAModelAfterEveryOfManyRandomSteps) {
  Rooms rooms;
  Model model;
  std::mt19937 random(20);
  const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  for (int step = 0; step < 5'000; ++step) {
    const Slot socket = below(12);
    const std::string room = "room-" + std::to_string(below(8));
    switch (below(8)) {
      case 0:
        rooms.leave(socket, room);
        model.joined[socket].erase(room);
        break;
      case 1:
        if (below(4) > 0) break;
        rooms.leave_all(socket);
        model.joined[socket].clear();
        model.routes.erase(socket);
        break;
      case 2:
        rooms.clear_route(socket);
        model.routes.erase(socket);
        break;
      case 3:
      case 4: {
        const Route route = route_of(socket, step);
        rooms.set_route(route);
        model.routes[socket] = route;
        break;
      }
      default:
        rooms.join(socket, room);
        model.joined[socket].insert(room);
    }
    ASSERT_NO_FATAL_FAILURE(model.check(rooms)) << "at step " << step;
  }
}

}  // namespace
}  // namespace crier::socketio
