#include "gateway/sessions.hpp"

#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

class SessionsTest : public testing::Test {
 protected:
  static Pid pid(history::Gid gid, history::Gid at, std::optional<Basis> earlier = {}) {
    return {"sid", {"epochABC", gid, {at, {{"p", 0}}}}, "n0nc", std::move(earlier)};
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

TEST_F(SessionsTest, AnAdmissionIsSavedAtOnceAndClaimsNothing) {
  sessions.add(1, "u1", "device", pid(100, 150, NoCursor{}), now);
  ASSERT_TRUE(sessions.has_changed());
  const auto positions = sessions.take_changed();
  ASSERT_EQ(positions.size(), 1U);
  EXPECT_EQ(positions[0].user, "u1");
  EXPECT_EQ(positions[0].session, "device");
  const auto opened = seal.open(positions[0].value, "u1");
  EXPECT_EQ(opened->sid, "");
  EXPECT_EQ(opened->here.gid, 100U);
  EXPECT_EQ(opened->earlier, Basis(NoCursor{})) << "its verdicts may not have been heard";
  EXPECT_FALSE(sessions.has_changed());
}

TEST_F(SessionsTest, MovesWhenAPingThatCameAfterIsAnswered) {
  sessions.add(1, "u1", "device", pid(100, 150, NoCursor{}), now);
  changed();
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
  sessions.add(1, "u1", "device", pid(100, 150), now);
  changed();
  sessions.pinged(1, 120);
  sessions.ponged(1, now);
  EXPECT_EQ(changed().at(0).here.gid, 150U);
}

TEST_F(SessionsTest, APongWithoutAPingMovesNothing) {
  sessions.add(1, "u1", "device", pid(100, 150), now);
  changed();
  sessions.ponged(1, now);
  EXPECT_FALSE(sessions.has_changed());
  sessions.pinged(1, 200);
  sessions.ponged(1, now);
  changed();
  sessions.ponged(1, now);
  EXPECT_FALSE(sessions.has_changed());
}

TEST_F(SessionsTest, APongThatBringsNothingNewIsNotSaved) {
  sessions.add(1, "u1", "device", pid(150, 150), now);
  changed();
  sessions.pinged(1, 150);
  sessions.ponged(1, now);
  EXPECT_FALSE(sessions.has_changed());
}

TEST_F(SessionsTest, OneThatDoesNotMoveIsSavedAgainBeforeItExpires) {
  sessions.add(1, "u1", "device", pid(150, 150), now);
  changed();
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
  sessions.add(1, "u1", "device", pid(100, 150), now);
  sessions.pinged(1, 200);
  sessions.remove(1);
  sessions.ponged(1, now);
  EXPECT_TRUE(sessions.empty());
  EXPECT_EQ(changed().at(0).here.gid, 100U) << "what was to be saved still is";
}

}  // namespace
}  // namespace crier::gateway
