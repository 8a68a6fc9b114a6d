#include "gateway/replay.hpp"

#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

using history::Gid;
using history::Kept;
using history::ReadReply;
using history::Record;

/// A program's records at these gids, chained.
Kept kept(const std::string& program, const std::vector<Gid>& gids, Gid before = 0) {
  Kept kept;
  kept.program = program;
  Gid prev = before;
  history::Seq seq = 0;
  for (const Gid gid : gids) {
    kept.records.push_back({gid, ++seq, prev, Bytes(program + std::to_string(gid))});
    prev = gid;
  }
  kept.top = prev;
  return kept;
}

std::vector<Gid> gids(const std::vector<Replayed>& events) {
  std::vector<Gid> gids;
  for (const auto& event : events) gids.push_back(event.gid);
  return gids;
}

TEST(ReplayReads, AskForOneMoreThanTheBoundFromTheMillisecondOn) {
  const auto reads = replay_reads({"a", "b"}, 5, 50);
  ASSERT_EQ(reads.size(), 2U);
  EXPECT_EQ(reads[1].program, "b");
  EXPECT_EQ(reads[1].after, 4999U);
  EXPECT_EQ(reads[1].newest_max, 51U);
}

TEST(Replay, LeavesOutTheMillisecondThatOneEventHas) {
  const ReadReply reply{"e", 0, {kept("a", {5000, 6000, 7000})}};
  EXPECT_EQ(gids(replay(reply, 5, 50)), (std::vector<Gid>{6000, 7000}));
}

TEST(Replay, SendsAMillisecondAgainThatTwoEventsOfAProgramShare) {
  const ReadReply reply{"e", 0, {kept("a", {5000, 5001, 6000})}};
  EXPECT_EQ(gids(replay(reply, 5, 50)), (std::vector<Gid>{5000, 5001, 6000}));
}

TEST(Replay, SendsAMillisecondAgainThatTwoProgramsShare) {
  const ReadReply reply{"e", 0, {kept("a", {5000}), kept("b", {5001, 6000})}};
  EXPECT_EQ(gids(replay(reply, 5, 50)), (std::vector<Gid>{5000, 5001, 6000}));
}

TEST(Replay, CountsATrimmedPredecessorOfTheSameMillisecond) {
  const ReadReply reply{"e", 0, {kept("a", {5001, 6000}, 5000)}};
  EXPECT_EQ(gids(replay(reply, 5, 50)), (std::vector<Gid>{5001, 6000}));
}

TEST(Replay, MergesProgramsInOrder) {
  const ReadReply reply{"e", 0, {kept("a", {6000, 9000}), kept("b", {7000, 8000})}};
  EXPECT_EQ(gids(replay(reply, 5, 50)), (std::vector<Gid>{6000, 7000, 8000, 9000}));
}

TEST(Replay, KeepsTheNewestOfEachProgram) {
  const ReadReply reply{"e", 0, {kept("a", {6000, 7000, 8000}), kept("b", {6500})}};
  EXPECT_EQ(gids(replay(reply, 5, 2)), (std::vector<Gid>{6500, 7000, 8000}));
}

TEST(Replay, TheSeenEventDoesNotTakeAPlaceOfTheBound) {
  const ReadReply reply{"e", 0, {kept("a", {5000, 6000, 7000})}};
  EXPECT_EQ(gids(replay(reply, 5, 2)), (std::vector<Gid>{6000, 7000}));
}

TEST(Replay, OfNothingIsNothing) {
  EXPECT_TRUE(replay({"e", 0, {kept("a", {})}}, 5, 50).empty());
  EXPECT_TRUE(replay({"e", 0, {}}, 5, 50).empty());
}

}  // namespace
}  // namespace crier::gateway
