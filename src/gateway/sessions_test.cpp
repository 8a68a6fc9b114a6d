#include "gateway/sessions.hpp"

#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

class SessionsTest : public testing::Test {
 protected:
  static Pid pid(history::Gid gid, history::Gid at, std::optional<Basis> earlier = {}) {
    return {"sid", {"epochABC", gid, {at, {{"p", 0}}}}, "n0nc", std::move(earlier)};
  }
  static Session session(Pid at, std::string holder = "holder") {
    return {"u1", "device", std::move(holder), std::move(at)};
  }
  /// Admits the socket of a session whose position is kept.
  void add(Sessions::Key socket, Pid at) {
    sessions.add(socket, session(std::move(at)), true, now);
  }
  /// The positions that have changed, opened.
  std::vector<Pid> changed() {
    std::vector<Pid> pids;
    for (const auto& position : sessions.take_changed()) {
      pids.push_back(seal.open(position.value, position.user).value());
    }
    return pids;
  }
  PidSeal seal{"secret"};
  TimePoint now{};
  Sessions sessions{seal, std::chrono::minutes(5)};
};

TEST_F(SessionsTest, APositionIsOfItsConnectionAndClaimsNothing) {
  const auto position = sessions.position_of(session(pid(100, 150, NoCursor{})));
  EXPECT_EQ(position.user, "u1");
  EXPECT_EQ(position.session, "device");
  EXPECT_EQ(position.holder, "holder");
  const auto opened = seal.open(position.value, "u1");
  EXPECT_EQ(opened->sid, "");
  EXPECT_EQ(opened->nonce, "");
  EXPECT_EQ(opened->here.gid, 100U);
  EXPECT_EQ(opened->earlier, Basis(NoCursor{})) << "its verdicts may not have been heard";
}

TEST_F(SessionsTest, AnAdmissionIsSavedOnlyIfItDiffersFromWhatIsKept) {
  sessions.add(1, session(pid(100, 150, NoCursor{})), true, now);
  EXPECT_FALSE(sessions.has_changed());
  sessions.add(2, session(pid(100, 160, NoCursor{}), "other"), false, now);
  const auto positions = sessions.take_changed();
  ASSERT_EQ(positions.size(), 1U);
  EXPECT_EQ(positions[0].holder, "other");
  const auto opened = seal.open(positions[0].value, "u1");
  EXPECT_EQ(opened->here.memberships.at, 160U);
  EXPECT_EQ(opened->earlier, Basis(NoCursor{}));
}

TEST_F(SessionsTest, MovesWhenAPingThatCameAfterIsAnswered) {
  add(1, pid(100, 150, NoCursor{}));
  sessions.pinged(1, 200);
  EXPECT_FALSE(sessions.has_changed()) << "nobody knows yet";
  sessions.ponged(1, now);
  const auto pids = changed();
  ASSERT_EQ(pids.size(), 1U);
  EXPECT_EQ(pids[0].here.gid, 200U);
  EXPECT_EQ(pids[0].here.memberships.at, 150U);
  EXPECT_FALSE(pids[0].earlier) << "the verdicts came before the ping";
}

TEST_F(SessionsTest, WhatTheAdmissionSentCameBeforeThePingToo) {
  add(1, pid(100, 150));
  sessions.pinged(1, 120);
  sessions.ponged(1, now);
  EXPECT_EQ(changed().at(0).here.gid, 150U);
}

TEST_F(SessionsTest, APongWithoutAPingMovesNothing) {
  add(1, pid(100, 150));
  sessions.ponged(1, now);
  EXPECT_FALSE(sessions.has_changed());
  sessions.pinged(1, 200);
  sessions.ponged(1, now);
  changed();
  sessions.ponged(1, now);
  EXPECT_FALSE(sessions.has_changed());
}

TEST_F(SessionsTest, APongThatBringsNothingNewIsNotSaved) {
  add(1, pid(150, 150));
  sessions.pinged(1, 150);
  sessions.ponged(1, now);
  EXPECT_FALSE(sessions.has_changed());
}

TEST_F(SessionsTest, OneThatDoesNotMoveIsSavedAgainBeforeItExpires) {
  add(1, pid(150, 150));
  const auto pong = [&](std::chrono::milliseconds later) {
    now += later;
    sessions.pinged(1, 150);
    sessions.ponged(1, now);
    return changed().size();
  };
  EXPECT_EQ(pong(std::chrono::milliseconds(149'999)), 0U);
  EXPECT_EQ(pong(std::chrono::milliseconds(1)), 1U);
  EXPECT_EQ(pong(std::chrono::milliseconds(149'999)), 0U) << "since it was saved last";
  EXPECT_EQ(pong(std::chrono::milliseconds(1)), 1U);
}

TEST_F(SessionsTest, SocketsWithoutASessionAndThoseThatHaveGoneMoveNothing) {
  sessions.pinged(9, 200);
  sessions.ponged(9, now);
  EXPECT_FALSE(sessions.has_changed());
  add(1, pid(100, 150));
  sessions.pinged(1, 200);
  sessions.ponged(1, now);
  sessions.pinged(1, 300);
  sessions.remove(1);
  sessions.ponged(1, now);
  EXPECT_TRUE(sessions.empty());
  EXPECT_EQ(changed().at(0).here.gid, 200U) << "what was to be saved still is";
}

// Which of them holds the session, only the store knows.
TEST_F(SessionsTest, TwoSocketsOfOneSessionAreSavedEachInItsName) {
  sessions.add(1, session(pid(100, 150), "one"), true, now);
  sessions.add(2, session(pid(100, 150), "two"), true, now);
  for (const Sessions::Key socket : {2, 1}) {
    sessions.pinged(socket, 200 + socket);
    sessions.ponged(socket, now);
  }
  const auto positions = sessions.take_changed();
  ASSERT_EQ(positions.size(), 2U);
  EXPECT_EQ(positions[0].holder, "one");
  EXPECT_EQ(positions[1].holder, "two");
  EXPECT_EQ(seal.open(positions[0].value, "u1")->here.gid, 201U);
  EXPECT_EQ(seal.open(positions[1].value, "u1")->here.gid, 202U);
}

}  // namespace
}  // namespace crier::gateway
