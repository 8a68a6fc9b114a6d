#include "gateway/receipts.hpp"

#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

class ReceiptsTest : public testing::Test {
 protected:
  static Pid pid(history::Gid gid, history::Gid at, std::optional<Basis> earlier = {}) {
    return {"sid", {"epochABC", gid, {at, {{"p", 0}}}}, "n0nc", std::move(earlier)};
  }
  static KeptSession session(Pid at, std::string holder = "holder") {
    return {"u1", "device", std::move(holder), std::move(at)};
  }
  /// Admits the socket of a session whose position is kept.
  void add(Receipts::Key socket, Pid at) {
    receipts.add(socket, session(std::move(at)), true, now);
  }
  /// The positions that have changed, opened.
  std::vector<Pid> changed() {
    std::vector<Pid> pids;
    for (const auto& position : receipts.take_changed()) {
      pids.push_back(seal.open(position.value, position.user).value());
    }
    return pids;
  }
  PidSeal seal{"secret"};
  TimePoint now{};
  Receipts receipts{seal, std::chrono::minutes(5)};
};

TEST_F(ReceiptsTest, APositionIsOfItsConnectionAndClaimsNothing) {
  const auto position = receipts.position_of(session(pid(100, 150, NoCursor{})));
  EXPECT_EQ(position.user, "u1");
  EXPECT_EQ(position.session, "device");
  EXPECT_EQ(position.holder, "holder");
  const auto opened = seal.open(position.value, "u1");
  EXPECT_EQ(opened->sid, "");
  EXPECT_EQ(opened->nonce, "");
  EXPECT_EQ(opened->here.gid, 100U);
  EXPECT_EQ(opened->earlier, Basis(NoCursor{})) << "its verdicts may not have been heard";
}

TEST_F(ReceiptsTest, AnAdmissionIsSavedOnlyIfItDiffersFromWhatIsKept) {
  receipts.add(1, session(pid(100, 150, NoCursor{})), true, now);
  EXPECT_FALSE(receipts.has_changed());
  receipts.add(2, session(pid(100, 160, NoCursor{}), "other"), false, now);
  const auto positions = receipts.take_changed();
  ASSERT_EQ(positions.size(), 1U);
  EXPECT_EQ(positions[0].holder, "other");
  const auto opened = seal.open(positions[0].value, "u1");
  EXPECT_EQ(opened->here.memberships.at, 160U);
  EXPECT_EQ(opened->earlier, Basis(NoCursor{}));
}

TEST_F(ReceiptsTest, MovesWhenAPingThatCameAfterIsAnswered) {
  add(1, pid(100, 150, NoCursor{}));
  receipts.pinged(1, 200);
  EXPECT_FALSE(receipts.has_changed()) << "nobody knows yet";
  receipts.ponged(1, now);
  const auto pids = changed();
  ASSERT_EQ(pids.size(), 1U);
  EXPECT_EQ(pids[0].here.gid, 200U);
  EXPECT_EQ(pids[0].here.memberships.at, 150U);
  EXPECT_FALSE(pids[0].earlier) << "the verdicts came before the ping";
}

TEST_F(ReceiptsTest, WhatTheAdmissionSentCameBeforeThePingToo) {
  add(1, pid(100, 150));
  receipts.pinged(1, 120);
  receipts.ponged(1, now);
  EXPECT_EQ(changed().at(0).here.gid, 150U);
}

TEST_F(ReceiptsTest, APongWithoutAPingMovesNothing) {
  add(1, pid(100, 150));
  receipts.ponged(1, now);
  EXPECT_FALSE(receipts.has_changed());
  receipts.pinged(1, 200);
  receipts.ponged(1, now);
  changed();
  receipts.ponged(1, now);
  EXPECT_FALSE(receipts.has_changed());
}

TEST_F(ReceiptsTest, APongThatBringsNothingNewIsNotSaved) {
  add(1, pid(150, 150));
  receipts.pinged(1, 150);
  receipts.ponged(1, now);
  EXPECT_FALSE(receipts.has_changed());
}

TEST_F(ReceiptsTest, OneThatDoesNotMoveIsSavedAgainBeforeItExpires) {
  add(1, pid(150, 150));
  const auto pong = [&](std::chrono::milliseconds later) {
    now += later;
    receipts.pinged(1, 150);
    receipts.ponged(1, now);
    return changed().size();
  };
  EXPECT_EQ(pong(std::chrono::milliseconds(149'999)), 0U);
  EXPECT_EQ(pong(std::chrono::milliseconds(1)), 1U);
  EXPECT_EQ(pong(std::chrono::milliseconds(149'999)), 0U) << "since it was saved last";
  EXPECT_EQ(pong(std::chrono::milliseconds(1)), 1U);
}

TEST_F(ReceiptsTest, SocketsWithoutASessionAndThoseThatHaveGoneMoveNothing) {
  receipts.pinged(9, 200);
  receipts.ponged(9, now);
  EXPECT_FALSE(receipts.has_changed());
  add(1, pid(100, 150));
  receipts.pinged(1, 200);
  receipts.ponged(1, now);
  receipts.pinged(1, 300);
  receipts.remove(1);
  receipts.ponged(1, now);
  EXPECT_TRUE(receipts.empty());
  EXPECT_EQ(changed().at(0).here.gid, 200U) << "what was to be saved still is";
}

// Which of them holds the session, only the store knows.
TEST_F(ReceiptsTest, TwoSocketsOfOneSessionAreSavedEachInItsName) {
  receipts.add(1, session(pid(100, 150), "one"), true, now);
  receipts.add(2, session(pid(100, 150), "two"), true, now);
  for (const Receipts::Key socket : {2, 1}) {
    receipts.pinged(socket, 200 + socket);
    receipts.ponged(socket, now);
  }
  const auto positions = receipts.take_changed();
  ASSERT_EQ(positions.size(), 2U);
  EXPECT_EQ(positions[0].holder, "one");
  EXPECT_EQ(positions[1].holder, "two");
  EXPECT_EQ(seal.open(positions[0].value, "u1")->here.gid, 201U);
  EXPECT_EQ(seal.open(positions[1].value, "u1")->here.gid, 202U);
}

}  // namespace
}  // namespace crier::gateway
