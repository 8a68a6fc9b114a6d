#include "gateway/recovery.hpp"

#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

using history::Gid;
using history::Kept;
using history::ReadReply;
using history::Verdict;
using Verdicts = std::vector<std::pair<std::string, Verdict>>;

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

access::User user(std::vector<std::string> programs, std::vector<std::uint64_t> generations = {}) {
  return {"u1", "Ursula", "member", true, std::move(programs), std::move(generations)};
}

std::vector<Gid> gids(const Recovery& recovery) {
  std::vector<Gid> gids;
  for (const auto& event : recovery.events) gids.push_back(event.gid);
  return gids;
}

Recovery by_time(std::int64_t milliseconds, const ReadReply& reply, std::uint32_t events_max = 50) {
  std::vector<std::string> programs;
  for (const auto& part : reply.programs) programs.push_back(part.program);
  return recover(TimestampCursor{milliseconds}, user(programs), reply, events_max);
}

PidCursor pid_cursor(Gid gid, std::vector<Sealed> programs) {
  return {{"u1", "sid", "e", 0, std::move(programs)}, "sealed", gid};
}

// By timestamp.

TEST(RecoveryByTimestamp, ReadsOneMoreThanTheBoundFromTheMillisecondOn) {
  const auto reads = recovery_question(TimestampCursor{5}, user({"a", "b"}), 50).reads;
  ASSERT_EQ(reads.size(), 2U);
  EXPECT_EQ(reads[1].program, "b");
  EXPECT_EQ(reads[1].after, 4999U);
  EXPECT_EQ(reads[1].newest_max, 51U);
}

TEST(RecoveryByTimestamp, LeavesOutTheMillisecondThatOneEventHas) {
  const auto recovery = by_time(5, {"e", 0, {kept("a", {5000, 6000, 7000})}});
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{6000, 7000}));
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::recovered}}));
}

TEST(RecoveryByTimestamp, SendsAMillisecondAgainThatTwoEventsOfAProgramShare) {
  EXPECT_EQ(gids(by_time(5, {"e", 0, {kept("a", {5000, 5001, 6000})}})),
            (std::vector<Gid>{5000, 5001, 6000}));
}

TEST(RecoveryByTimestamp, SendsAMillisecondAgainThatTwoProgramsShare) {
  EXPECT_EQ(gids(by_time(5, {"e", 0, {kept("a", {5000}), kept("b", {5001, 6000})}})),
            (std::vector<Gid>{5000, 5001, 6000}));
}

TEST(RecoveryByTimestamp, CountsATrimmedPredecessorOfTheSameMillisecond) {
  EXPECT_EQ(gids(by_time(5, {"e", 0, {kept("a", {5001, 6000}, 5000)}})),
            (std::vector<Gid>{5001, 6000}));
}

TEST(RecoveryByTimestamp, MergesProgramsInOrder) {
  EXPECT_EQ(gids(by_time(5, {"e", 0, {kept("a", {6000, 9000}), kept("b", {7000, 8000})}})),
            (std::vector<Gid>{6000, 7000, 8000, 9000}));
}

TEST(RecoveryByTimestamp, KeepsTheNewestOfEachProgramAndTellsOfTheGap) {
  const auto recovery = by_time(5, {"e", 0, {kept("a", {6000, 7000, 8000}), kept("b", {6500})}}, 2);
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{6500, 7000, 8000}));
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::gap}, {"b", Verdict::recovered}}));
}

TEST(RecoveryByTimestamp, TheSeenEventDoesNotTakeAPlaceOfTheBound) {
  const auto recovery = by_time(5, {"e", 0, {kept("a", {5000, 6000, 7000})}}, 2);
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{6000, 7000}));
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::recovered}}));
}

TEST(RecoveryByTimestamp, OwesWhatIsNumberedLaterWithinTheMillisecond) {
  const auto from = [](const Kept& kept) {
    return by_time(5, {"e", 0, {kept}}).next.programs.at(0).from;
  };
  EXPECT_EQ(from(kept("a", {5000})), 5000U);
  EXPECT_EQ(from(kept("a", {6000}, 4000)), 5999U) << "the whole millisecond was before";
  EXPECT_EQ(from(kept("a", {}, 3000)), 4999U) << "not what was before the millisecond";
}

TEST(RecoveryByTimestamp, SetsAFloorBelowItsMillisecondAndNoneAheadOfWhatWasPublished) {
  EXPECT_EQ(by_time(5, {"e", 0, {kept("a", {5000, 9000})}}).floor, 4999U);
  EXPECT_EQ(by_time(99, {"e", 0, {kept("a", {5000, 9000})}}).floor, 9000U);
}

TEST(RecoveryByTimestamp, NeverRepeatsAPid) {
  EXPECT_FALSE(by_time(5, {"e", 0, {kept("a", {5000})}}).recovered);
}

TEST(RecoveryByTimestamp, BelowTheFloorIsAGap) {
  EXPECT_EQ(by_time(5, {"e", 9000, {kept("a", {})}}).verdicts, (Verdicts{{"a", Verdict::gap}}));
}

// By pid.

TEST(RecoveryByPid, IsRecoveredWhenEveryProgramIsWhole) {
  const auto cursor = pid_cursor(100, {{"a", 1, 0}, {"b", 2, 0}});
  const auto who = user({"a", "b"}, {1, 2});
  const auto reads = recovery_question(cursor, who, 50).reads;
  EXPECT_EQ(reads[0].after, 100U);
  EXPECT_EQ(reads[0].newest_max, 0U);
  const auto recovery =
      recover(cursor, who, {"e", 50, {kept("a", {200, 400}, 90), kept("b", {300}, 100)}}, 50);
  EXPECT_TRUE(recovery.recovered);
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{200, 300, 400}));
  EXPECT_EQ(recovery.floor, 100U);
}

TEST(RecoveryByPid, AGapInOneProgramIsToldAndTheRestSentAllTheSame) {
  const auto cursor = pid_cursor(100, {{"a", 1, 0}, {"b", 2, 0}});
  const auto recovery = recover(cursor, user({"a", "b"}, {1, 2}),
                                {"e", 50, {kept("a", {200}, 150), kept("b", {300}, 100)}}, 50);
  EXPECT_FALSE(recovery.recovered);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::gap}, {"b", Verdict::recovered}}));
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{200, 300}));
  // The next pid owes nothing of what was before the gap, and all of the rest.
  EXPECT_EQ(recovery.next.programs, (std::vector<Sealed>{{"a", 1, 200}, {"b", 2, 100}}));
}

TEST(RecoveryByPid, AGapMarkerIsAGapAndIsNotSent) {
  Kept marked = kept("a", {200, 300}, 100);
  marked.records[0].body = Bytes(std::string(history::gap_marker));
  const auto recovery =
      recover(pid_cursor(100, {{"a", 1, 0}}), user({"a"}, {1}), {"e", 50, {marked}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::gap}}));
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{300}));
}

TEST(RecoveryByPid, ANewProgramIsJoinedFromNowOn) {
  const auto cursor = pid_cursor(100, {{"a", 1, 0}});
  const auto who = user({"a", "b"}, {1, 2});
  EXPECT_GT(recovery_question(cursor, who, 50).reads[1].after, Gid{1} << 52U);
  const auto recovery = recover(cursor, who, {"e", 50, {kept("a", {}, 100), {"b", 300, {}}}}, 50);
  EXPECT_FALSE(recovery.recovered);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::recovered}, {"b", Verdict::joined}}));
  EXPECT_EQ(recovery.next.programs[1], (Sealed{"b", 2, 300}));
}

TEST(RecoveryByPid, AMembershipOfAnotherGenerationIsJoined) {
  const auto cursor = pid_cursor(100, {{"a", 1, 0}});
  const auto recovery = recover(cursor, user({"a"}, {9}), {"e", 50, {{"a", 300, {}}}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::joined}}));
  EXPECT_TRUE(recovery.events.empty());
}

TEST(RecoveryByPid, AProgramThatTheStoreHadForgottenIsAGapBelowTheFloor) {
  const auto verdict = [](Gid cursor, const Kept& kept) {
    return recover(pid_cursor(cursor, {{"a", 1, 0}}), user({"a"}, {1}), {"e", 500, {kept}}, 50)
        .verdicts.at(0)
        .second;
  };
  EXPECT_EQ(verdict(400, kept("a", {600})), Verdict::gap) << "it may have had one at 450";
  EXPECT_EQ(verdict(500, kept("a", {600})), Verdict::recovered);
  EXPECT_EQ(verdict(400, kept("a", {})), Verdict::gap);
  EXPECT_EQ(verdict(400, kept("a", {600}, 300)), Verdict::recovered) << "it names its predecessor";
}

TEST(RecoveryByPid, AProgramThatIsNoLongerTheUsersIsLeftAndOwedNothing) {
  const auto cursor = pid_cursor(100, {{"a", 1, 0}, {"b", 2, 0}});
  const auto who = user({"a"}, {1});
  EXPECT_EQ(recovery_question(cursor, who, 50).reads.size(), 1U);
  const auto recovery = recover(cursor, who, {"e", 50, {kept("a", {}, 100)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::recovered}, {"b", Verdict::left}}));
  EXPECT_TRUE(recovery.recovered);
}

TEST(RecoveryByPid, AnotherEpochIsAReset) {
  const auto recovery = recover(pid_cursor(100, {{"a", 1, 0}}), user({"a"}, {1}),
                                {"f", 500, {kept("a", {600}, 0)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::reset}}));
  EXPECT_TRUE(recovery.events.empty());
  EXPECT_EQ(recovery.next.epoch, "f");
  EXPECT_EQ(recovery.next.programs, (std::vector<Sealed>{{"a", 1, 600}}));
}

TEST(RecoveryByPid, WhatWasPublishedBeforeAJoiningIsNeverOwed) {
  const auto cursor = pid_cursor(100, {{"a", 1, 250}});
  const auto who = user({"a"}, {1});
  EXPECT_EQ(recovery_question(cursor, who, 50).reads[0].after, 250U);
  const auto recovery = recover(cursor, who, {"e", 50, {kept("a", {300}, 250)}}, 50);
  EXPECT_TRUE(recovery.recovered);
}

TEST(RecoveryByPid, OfAUserWithoutProgramsIsRecovered) {
  EXPECT_TRUE(recover(pid_cursor(100, {}), user({}), {"e", 50, {}}, 50).recovered);
}

// By id, and without a cursor.

TEST(RecoveryById, SendsWhatCameAfterIt) {
  const IdCursor cursor{{"e", 100}};
  EXPECT_EQ(recovery_question(cursor, user({"a"}), 50).reads[0].after, 100U);
  const auto recovery = recover(cursor, user({"a"}), {"e", 50, {kept("a", {200}, 100)}}, 50);
  EXPECT_EQ(gids(recovery), std::vector<Gid>{200});
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::recovered}}));
  EXPECT_FALSE(recovery.recovered);
}

TEST(RecoveryById, OfAnotherEpochIsAReset) {
  const auto recovery =
      recover(IdCursor{{"x", 100}}, user({"a"}), {"e", 50, {kept("a", {200}, 100)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::reset}}));
  EXPECT_TRUE(recovery.events.empty());
}

TEST(RecoveryById, OneThatWasNeverGivenOutSetsNoFloorAboveWhatWasPublished) {
  const auto recovery = recover(IdCursor{{"e", Gid{1} << 52U}}, user({"a", "b"}),
                                {"e", 50, {kept("a", {}, 100), kept("b", {}, 300)}}, 50);
  EXPECT_EQ(recovery.floor, 300U);
}

TEST(RecoveryOfAFirstConnect, OwesNothingThatWasBefore) {
  const auto recovery = recover(NoCursor{}, user({"a"}, {4}), {"e", 50, {{"a", 300, {}}}}, 50);
  EXPECT_TRUE(recovery.events.empty());
  EXPECT_FALSE(recovery.recovered);
  EXPECT_EQ(recovery.next, (Pid{"u1", "", "e", 50, {{"a", 4, 300}}}));
}

TEST(Catchup, SaysWhatWasSentAndHowEachProgramStands) {
  Recovery recovery;
  recovery.recovered = true;
  recovery.events.resize(2);
  recovery.verdicts = {{"a\"b", Verdict::recovered}, {"c", Verdict::left}};
  EXPECT_EQ(catchup_arguments(recovery), R"(["catchup",{"recovered":true,"replayed":2,"programs":)"
                                         R"({"a\"b":"recovered","c":"left"}}])");
}

}  // namespace
}  // namespace crier::gateway
