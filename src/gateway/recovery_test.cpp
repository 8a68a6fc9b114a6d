#include "gateway/recovery_fixture.hpp"

#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

// By timestamp.

TEST(RecoveryByTimestamp, ReadsOneMoreThanTheBoundFromTheMillisecondOn) {
  const auto reads = recovery_question(time_cursor(5), user({"a", "b"}), 50).reads;
  ASSERT_EQ(reads.size(), 2U);
  EXPECT_EQ(reads[1].program, "b");
  EXPECT_EQ(reads[1].after, 4999U);
  EXPECT_EQ(reads[1].newest_max, 51U);
  const auto question = recovery_question(time_cursor(5), user({"a"}), 50);
  EXPECT_EQ(question.cursor, 5000U) << "a reset, if the store has not got so far";
  EXPECT_EQ(question.epoch, "");
}

TEST(RecoveryByTimestamp, LeavesOutTheMillisecondThatOneEventHas) {
  const auto recovery = by_time(5, {"e", 0, {kept("a", {5000, 6000, 7000})}});
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{6000, 7000}));
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::recovered}}));
}

TEST(RecoveryByTimestamp, SendsAgainWhatFollowsTheFirstOfAMillisecond) {
  EXPECT_EQ(gids(by_time(5, {"e", 0, {kept("a", {5000, 5001, 6000})}})),
            (std::vector<Gid>{5001, 6000}));
  EXPECT_EQ(gids(by_time(5, {"e", 0, {kept("a", {5000}), kept("b", {5001, 6000})}})),
            (std::vector<Gid>{5001, 6000}))
      << "of another program";
  EXPECT_EQ(gids(by_time(5, {"e", 0, {kept("a", {5001, 6000})}})), (std::vector<Gid>{5001, 6000}))
      << "the client may know the time from a program that is not its own any more";
}

TEST(RecoveryByTimestamp, AMillisecondThatMayHaveHadMoreThanIsKeptIsAGap) {
  const auto verdict = [](Gid top) {
    return by_time(5, {"e", 0, {kept("a", {}, top)}, 9000}).verdicts.front().second;
  };
  EXPECT_EQ(verdict(5000), Verdict::recovered) << "the first is the one that the client has";
  EXPECT_EQ(verdict(5001), Verdict::gap) << "it may have the first only";
  EXPECT_EQ(verdict(5999), Verdict::gap);
  EXPECT_EQ(verdict(4999), Verdict::recovered);
}

TEST(RecoveryByTimestamp, TheFirstOfAMillisecondIsNoGapThoughItIsNotKept) {
  const auto recovery = by_time(5, {"e", 0, {kept("a", {}, 5000), kept("b", {5001})}});
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::recovered}, {"b", Verdict::recovered}}));
}

TEST(RecoveryByTimestamp, SendsAMillisecondAgainOfWhichNobodyKnowsHowManyShareIt) {
  EXPECT_EQ(gids(by_time(5, {"e", 0, {kept("a", {7000}, 6000), kept("b", {5001, 6001})}})),
            (std::vector<Gid>{5001, 6001, 7000}))
      << "what was read of a begins later";
  EXPECT_EQ(gids(by_time(5, {"e", 0, {kept("a", {}, 7000), kept("b", {5001, 6001})}})),
            (std::vector<Gid>{5001, 6001}))
      << "nothing of a is kept";
  EXPECT_EQ(gids(by_time(5, {"e", 0, {kept("a", {}, 5000), kept("b", {5001, 6001})}})),
            (std::vector<Gid>{5001, 6001}))
      << "and that was of the millisecond";
  EXPECT_EQ(gids(by_time(5, {"e", 0, {kept("a", {7000}, 4000), kept("b", {5000, 6001})}})),
            (std::vector<Gid>{6001, 7000}))
      << "a has none of it";
}

TEST(RecoveryByTimestamp, WhatBeganLaterHasNoPartInTheMillisecond) {
  const ReadReply reply{"e", 0, {kept("a", {7000}, 6000), kept("b", {5000, 6001})}};
  const auto who = user({"a", "b"}, {6000, 0});
  EXPECT_EQ(gids(sent(time_cursor(5), who, reply, 50)), (std::vector<Gid>{6001, 7000}));
}

TEST(RecoveryByTimestamp, WithinTwoSecondsOfTheFloorIsAGap) {
  const auto verdict = [](std::int64_t milliseconds, const Kept& kept) {
    return by_time(milliseconds, {"e", 5'000'000, {kept}, 9'000'000}).verdicts.front().second;
  };
  EXPECT_EQ(verdict(5'800, kept("a", {5'700'000, 8'000'000})), Verdict::gap)
      << "numbers of before run ahead of the clock by up to a second";
  EXPECT_EQ(verdict(7'000, kept("a", {5'700'000, 8'000'000})), Verdict::gap);
  EXPECT_EQ(verdict(7'001, kept("a", {5'700'000, 8'000'000})), Verdict::recovered);
  EXPECT_EQ(verdict(5'700, kept("a", {5'700'000, 8'000'000})), Verdict::gap)
      << "an event of before may have had that time too";
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
    ReadReply reply{"e", 0, {kept}};
    reply.clock = 6000;
    return by_time(5, reply).next.here.gid;
  };
  EXPECT_EQ(from(kept("a", {5000})), 5000U);
  EXPECT_EQ(from(kept("a", {6000}, 4000)), 5999U) << "the whole millisecond was before";
  EXPECT_EQ(from(kept("a", {}, 3000)), 4999U) << "not what was before the millisecond";
}

TEST(RecoveryByTimestamp, SetsAFloorWhereTheReplayBegins) {
  EXPECT_EQ(by_time(5, {"e", 0, {kept("a", {5000, 9000})}}).floor, 5999U);
  EXPECT_EQ(by_time(5, {"e", 0, {kept("a", {5000, 5001, 9000})}}).floor, 5000U);
  EXPECT_EQ(by_time(5, {"e", 0, {kept("a", {5001, 9000})}}).floor, 4999U);
}

TEST(RecoveryByTimestamp, AheadOfTheStoresClockAndNumbersIsAReset) {
  ReadReply reply{"e", 0, {kept("a", {5000})}};
  reply.clock = 7000;
  EXPECT_EQ(by_time(7, reply).verdicts, (Verdicts{{"a", Verdict::recovered}}));
  EXPECT_EQ(by_time(8, reply).verdicts, (Verdicts{{"a", Verdict::reset}}));
  reply.last = 8000;  // numbers run ahead
  EXPECT_EQ(by_time(8, reply).verdicts, (Verdicts{{"a", Verdict::recovered}}));
  EXPECT_EQ(by_time(9, reply).verdicts, (Verdicts{{"a", Verdict::reset}}));
  EXPECT_TRUE(by_time(9, reply).events.empty());
  EXPECT_EQ(by_time(9, reply).next.here.gid, 5000U) << "not what the client says";
}

TEST(RecoveryByTimestamp, AMembershipThatBeganWithinTheMillisecondIsJoined) {
  const ReadReply reply{"e", 0, {kept("a", {6000})}};
  const auto verdict = [&](std::uint64_t since) {
    return sent(time_cursor(5), user({"a"}, {since}), reply, 50).verdicts;
  };
  EXPECT_EQ(verdict(4999), (Verdicts{{"a", Verdict::recovered}}));
  EXPECT_EQ(verdict(5000), (Verdicts{{"a", Verdict::joined}})) << "before or after what it has";
}

TEST(RecoveryByTimestamp, SendsNothingFromBeforeTheMembership) {
  const auto who = user({"a", "b"}, {6500, 0});
  const ReadReply reply{"e", 0, {kept("a", {6000, 7000}), kept("b", {6100})}};
  EXPECT_EQ(recovery_question(time_cursor(5), who, 50).reads[0].after, 6500U);
  const auto recovery = sent(time_cursor(5), who, reply, 50);
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{6100, 7000}));
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::joined}, {"b", Verdict::recovered}}));
}

TEST(RecoveryByTimestamp, NeverRepeatsAPid) {
  EXPECT_FALSE(by_time(5, {"e", 0, {kept("a", {5000})}}).recovered);
}

TEST(RecoveryByTimestamp, FromBeforeTheEpochIsAResetAndBringsWhatIsOfIt) {
  const ReadReply reply{
      "e", 5500, {kept("a", {5700, 6000}), kept("b", {}), kept("c", {6001}, 4000)}, 9000, 6001};
  for (const std::int64_t milliseconds : {1, 4, 5}) {
    const auto recovery = by_time(milliseconds, reply);
    EXPECT_EQ(gids(recovery), (std::vector<Gid>{5700, 6000, 6001}));
    EXPECT_EQ(recovery.verdicts,
              (Verdicts{{"a", Verdict::reset}, {"b", Verdict::reset}, {"c", Verdict::reset}}));
    EXPECT_FALSE(recovery.is_ahead);
  }
  EXPECT_EQ(by_time(6, reply).verdicts.front().second, Verdict::gap);
}

TEST(RecoveryByTimestamp, TheBoundSaysNothingOfAReplayThatWasCutOff) {
  // The first answer brought two of three events, which was all, and 8000 has come since.
  const ReadReply reply{"e", 0, {kept("a", {5000, 6000, 7000, 8000})}, 9000, 8000};
  auto cursor = unheard(TimestampCursor{5}, 5999, {{"a", 0}});
  cursor.received = history::EventId{"e", 7000};
  const auto recovery = sent(cursor, user({"a"}), reply, 2);
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{8000}));
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::recovered}}));
  cursor.gaps = {"a"};
  EXPECT_EQ(sent(cursor, user({"a"}), reply, 2).verdicts, (Verdicts{{"a", Verdict::gap}}))
      << "which the bound left out at first";
}

TEST(RecoveryByTimestamp, AResetThatWasNotHeardIsRepeatedAndBringsWhatCameSince) {
  const ReadReply reply{"e", 5500, {kept("a", {5700, 6000, 7000})}, 9000, 7000};
  const auto recovery = sent(unheard(TimestampCursor{5}, 6000, {{"a", 0}}), user({"a"}), reply, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::reset}}));
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{7000}));
}

// By pid.

TEST(RecoveryByPid, IsRecoveredWhenEveryProgramIsWhole) {
  const auto cursor = pid_cursor(100, {{"a", 1}, {"b", 2}});
  const auto who = user({"a", "b"}, {1, 2});
  const auto reads = recovery_question(cursor, who, 50).reads;
  EXPECT_EQ(reads[0].after, 100U);
  EXPECT_EQ(reads[0].newest_max, 0U);
  const auto recovery =
      sent(cursor, who, {"e", 50, {kept("a", {200, 400}, 90), kept("b", {300}, 100)}}, 50);
  EXPECT_TRUE(recovery.recovered);
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{200, 300, 400}));
  EXPECT_EQ(recovery.floor, 100U);
  EXPECT_EQ(recovery.snapshot, 400U);
  EXPECT_FALSE(recovery.next.earlier);
}

TEST(RecoveryByPid, AGapInOneProgramIsToldAndTheRestSentAllTheSame) {
  const auto cursor = pid_cursor(100, {{"a", 1}, {"b", 2}});
  const auto recovery = sent(cursor, user({"a", "b"}, {1, 2}),
                             {"e", 50, {kept("a", {200}, 150), kept("b", {300}, 100)}}, 50);
  EXPECT_FALSE(recovery.recovered);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::gap}, {"b", Verdict::recovered}}));
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{200, 300}));
  // The next pid keeps what the verdicts were about, and where the replay began.
  EXPECT_EQ(recovery.next.here.gid, 100U);
  EXPECT_EQ(recovery.next.here.memberships, (Memberships{300, {{"a", 1}, {"b", 2}}}));
  EXPECT_EQ(recovery.next.earlier, cursor.basis);
}

TEST(RecoveryByPid, AGapMarkerIsAGapAndIsNotSent) {
  Kept marked = kept("a", {200, 300}, 100);
  marked.records[0].body = Bytes(std::string(history::gap_marker));
  const auto recovery =
      sent(pid_cursor(100, {{"a", 1}}), user({"a"}, {1}), {"e", 50, {marked}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::gap}}));
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{300}));
}

TEST(RecoveryByPid, AProgramThatCannotBeKeptIsAGap) {
  Kept broken = kept("a", {}, 100);
  broken.broken = true;
  const auto recovery =
      sent(pid_cursor(100, {{"a", 1}}), user({"a"}, {1}), {"e", 50, {broken}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::gap}}));
  EXPECT_FALSE(recovery.recovered);
}

TEST(RecoveryByPid, ANewProgramIsJoinedAndSentFromItsBeginningOn) {
  const auto cursor = pid_cursor(100, {{"a", 1}});
  const auto who = user({"a", "b"}, {1, 250});
  EXPECT_EQ(recovery_question(cursor, who, 50).reads[1].after, 100U);
  const auto recovery =
      sent(cursor, who, {"e", 50, {kept("a", {}, 100), kept("b", {200, 300})}}, 50);
  EXPECT_FALSE(recovery.recovered);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::recovered}, {"b", Verdict::joined}}));
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{300}));
}

TEST(RecoveryByPid, AMembershipThatBeganAgainIsJoined) {
  const auto cursor = pid_cursor(100, {{"a", 1}});
  const auto recovery =
      sent(cursor, user({"a"}, {250}), {"e", 50, {kept("a", {200, 300}, 100)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::joined}}));
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{300}));
}

TEST(RecoveryByPid, NodesThatKnowOfDifferentBeginningsBeforeTheAdmissionAgree) {
  const auto cursor = pid_cursor(100, {{"a", 1}}, 90);
  const auto verdict = [&](std::uint64_t since) {
    return recover(cursor, user({"a"}, {since}), {"e", 50, {kept("a", {}, 100)}}, 50).verdicts[0];
  };
  EXPECT_EQ(verdict(90).second, Verdict::recovered);
  EXPECT_EQ(verdict(91).second, Verdict::joined) << "it began again";
}

TEST(RecoveryByPid, AClockAheadOfTheStoresCostsAMemberNothing) {
  // The membership began at 250 by its own clock, and was there at the admission, at 90.
  const auto cursor = pid_cursor(80, {{"a", 250}});
  const auto who = user({"a"}, {250});
  EXPECT_EQ(recovery_question(cursor, who, 50).reads[0].after, 90U);
  const auto recovery = sent(cursor, who, {"e", 50, {kept("a", {85, 200, 300}, 80)}}, 50);
  EXPECT_TRUE(recovery.recovered);
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{200, 300})) << "nothing from before the admission";
  EXPECT_TRUE(sent(cursor, who, {"e", 50, {kept("a", {200}, 85)}}, 50).recovered)
      << "nor is its absence a gap";
}

TEST(RecoveryByPid, AProgramThatTheStoreHadForgottenIsAGapBelowTheFloor) {
  const auto verdict = [](Gid cursor, const Kept& kept) {
    return sent(pid_cursor(cursor, {{"a", 1}}), user({"a"}, {1}), {"e", 500, {kept}}, 50)
        .verdicts.at(0)
        .second;
  };
  EXPECT_EQ(verdict(400, kept("a", {600})), Verdict::gap) << "it may have had one at 450";
  EXPECT_EQ(verdict(500, kept("a", {600})), Verdict::recovered);
  EXPECT_EQ(verdict(400, kept("a", {})), Verdict::gap);
  EXPECT_EQ(verdict(400, kept("a", {600}, 300)), Verdict::recovered) << "it names its predecessor";
}

TEST(RecoveryByPid, AProgramThatIsNoLongerTheUsersIsLeftAndOwedNothing) {
  const auto cursor = pid_cursor(100, {{"a", 1}, {"b", 2}});
  const auto who = user({"a"}, {1});
  EXPECT_EQ(recovery_question(cursor, who, 50).reads.size(), 1U);
  const auto recovery = sent(cursor, who, {"e", 50, {kept("a", {}, 100)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::recovered}, {"b", Verdict::left}}));
  EXPECT_FALSE(recovery.recovered) << "the next pid does not name it any more";
  EXPECT_EQ(recovery.next.earlier, cursor.basis) << "but what the verdicts were about";
  EXPECT_EQ(recovery.next.here.memberships.named, (std::vector<Membership>{{"a", 1}}));
}

TEST(RecoveryByPid, AnotherEpochIsAReset) {
  const auto recovery =
      sent(pid_cursor(100, {{"a", 1}}), user({"a"}, {1}), {"f", 500, {kept("a", {600}, 0)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::reset}}));
  EXPECT_TRUE(recovery.events.empty());
  EXPECT_EQ(recovery.next.here.epoch, "f");
  EXPECT_EQ(recovery.next.here.gid, 600U);
}

TEST(RecoveryByPid, ANewProgramIsJoinedInAnotherEpochToo) {
  const auto recovery = recover(pid_cursor(100, {{"a", 1}}), user({"a", "b"}, {1, 2}),
                                {"f", 500, {kept("a", {600}, 0), kept("b", {700}, 0)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::reset}, {"b", Verdict::joined}}));
}

TEST(RecoveryByPid, AboveTheStoresLastNumberIsAResetThatShowsALoss) {
  Cursor cursor = pid_cursor(300, {{"a", 1}});
  cursor.received = history::EventId{"e", 300};
  ReadReply reply{"e", 50, {kept("a", {}, 200)}};
  reply.last = 299;
  Recovery recovery = sent(cursor, user({"a"}, {1}), reply, 50);
  EXPECT_TRUE(recovery.is_ahead);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::reset}}));
  EXPECT_EQ(recovery.next.here.gid, 200U) << "not what the client says";
  reply.last = 300;  // of a program that is not the user's any more
  recovery = sent(cursor, user({"a"}, {1}), reply, 50);
  EXPECT_FALSE(recovery.is_ahead);
  EXPECT_TRUE(recovery.recovered);
  EXPECT_EQ(recovery.snapshot, 300U);
}

TEST(RecoveryByPid, WhateverTheClientHasAboveTheLastNumberShowsTheLoss) {
  ReadReply reply{"e", 50, {kept("a", {}, 200)}};
  reply.last = 299;
  const Snapshot earlier{"e", 100, {90, {{"a", 1}}}};
  const Snapshot old{"old", 7, {5, {{"a", 1}}}};
  const std::vector<Membership> only{{"a", 1}};
  for (const Cursor& cursor : {pid_cursor(300, only), unheard(earlier, 100, only, 300),
                               unheard(old, 300, only), unheard(NoCursor{}, 300, only)}) {
    const auto recovery = sent(cursor, user({"a"}, {1}), reply, 50);
    EXPECT_TRUE(recovery.is_ahead);
    EXPECT_EQ(recovery.next.here.gid, 200U) << "events that get new numbers are sent";
    EXPECT_EQ(recovery.snapshot, 200U);
  }
}

TEST(RecoveryByPid, ThatIsRepeatedStillMovesTheSession) {
  Cursor cursor = pid_cursor(100, {{"a", 1}});
  cursor.session = "device 1";
  const auto recovery = sent(cursor, user({"a"}, {1}), {"e", 50, {kept("a", {200}, 100)}}, 50);
  EXPECT_TRUE(recovery.recovered);
  EXPECT_EQ(recovery.next.here, (Snapshot{"e", 100, {200, {{"a", 1}}}}));
}

TEST(RecoveryByPid, OfAUserWithoutProgramsIsRecovered) {
  EXPECT_TRUE(sent(pid_cursor(100, {}), user({}), {"e", 150, {}}, 50).recovered);
  const auto recovery = sent(pid_cursor(200, {}), user({}), {"e", 150, {}}, 50);
  EXPECT_TRUE(recovery.recovered);
  EXPECT_FALSE(recovery.is_ahead) << "nobody has asked the store for its last number";
  EXPECT_TRUE(sent(pid_cursor(100, {}), user({}), {"", 0, {}}, 50).recovered)
      << "nor for its epoch";
}

TEST(RecoveryByPid, AMembershipThatBeganAnewBetweenTheLookUpAndTheSnapshotIsJoined) {
  Cursor cursor = pid_cursor(100, {{"a", 1}}, 90);
  std::get<Snapshot>(cursor.basis).memberships.as_of = 70;
  const ReadReply reply{"e", 50, {kept("a", {}, 100)}};
  EXPECT_EQ(recover(cursor, user({"a"}, {80}), reply, 50).verdicts,
            (Verdicts{{"a", Verdict::joined}}));
  EXPECT_EQ(recover(cursor, user({"a"}, {60}), reply, 50).verdicts,
            (Verdicts{{"a", Verdict::recovered}}))
      << "another source's word for the same";
}

TEST(RecoveryByPid, AMembershipThatIsYoungerThanTheOneItKnewAndThanItsCursorIsJoined) {
  const ReadReply reply{"e", 50, {kept("a", {120, 160}, 90)}};
  const auto verdict = [&](std::uint64_t known, std::uint64_t since) {
    return recover(pid_cursor(100, {{"a", known}}, 200), user({"a"}, {since}), reply, 50).verdicts;
  };
  EXPECT_EQ(verdict(1, 150), (Verdicts{{"a", Verdict::joined}})) << "120 would be left out";
  EXPECT_EQ(verdict(1, 100), (Verdicts{{"a", Verdict::recovered}})) << "nothing would";
  EXPECT_EQ(verdict(150, 150), (Verdicts{{"a", Verdict::recovered}}))
      << "the client was told `joined` for that membership";
}

// A pid without names.

TEST(RecoveryByDigest, AMembershipThatIsYoungerThanAllItKnewAndThanItsCursorIsJoined) {
  const auto cursor = digest_cursor(100, {{"a", 1}, {"b", 2}}, 200);
  const ReadReply reply{"e", 50, {kept("a", {120, 160}, 90), kept("b", {}, 80)}};
  EXPECT_EQ(recover(cursor, user({"a", "b"}, {150, 2}), reply, 50).verdicts,
            (Verdicts{{"a", Verdict::joined}, {"b", Verdict::recovered}}));
}

TEST(RecoveryByDigest, KnowsAllProgramsWhenNothingHasChanged) {
  // The second one's beginning lies after the snapshot by another clock.
  const auto cursor = digest_cursor(100, {{"a", 1}, {"b", 500}}, 90);
  const auto recovery = sent(cursor, user({"a", "b"}, {1, 500}),
                             {"e", 50, {kept("a", {}, 100), kept("b", {}, 80)}}, 50);
  EXPECT_TRUE(recovery.recovered);
  EXPECT_FALSE(recovery.changed);
}

TEST(RecoveryByDigest, TellsOfTheSameProgramsWhichMembershipBeganAgain) {
  const auto cursor = digest_cursor(100, {{"a", 1}, {"b", 2}}, 90);
  const auto recovery = sent(cursor, user({"a", "b"}, {1, 150}),
                             {"e", 50, {kept("a", {}, 100), kept("b", {120, 200}, 80)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::recovered}, {"b", Verdict::joined}}));
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{200})) << "nothing from between";
  EXPECT_FALSE(recovery.changed);
}

TEST(RecoveryByDigest, OneThatIsYetToBeginHidesNothingThatIsGranted) {
  Pid pid{"sid", {"e", 100, {90, {}}}, "n0nc"};
  for (int i = 0; i < 100; ++i) {
    pid.here.memberships.named.push_back({"program" + std::to_string(100 + i), 1});
  }
  pid.here.memberships.as_of = 95;
  pid.here.memberships.named[0].since = 9'000;
  const PidSeal seal("secret");
  Cursor cursor = pid_cursor(0, {});
  cursor.basis = seal.open(seal.seal(pid, "u1"), "u1")->here;
  access::User who = user({}, {});
  ReadReply reply{"e", 50, {}};
  for (const Membership& each : pid.here.memberships.named) {
    who.programs.push_back(each.program);
    who.since.push_back(each.since);
    reply.programs.push_back(kept(each.program, {}, 100));
  }
  EXPECT_TRUE(recover(cursor, who, reply, 50).recovered) << "nothing has changed";
  who.since[5] = 150;  // it ended, and began again
  reply.programs[5] = kept("program105", {120, 200}, 100);
  const auto recovery = sent(cursor, who, reply, 50);
  EXPECT_EQ(recovery.verdicts[5].second, Verdict::joined);
  EXPECT_EQ(recovery.verdicts[6].second, Verdict::recovered);
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{200})) << "nothing from between";
  who.since[5] = 1;
  who.programs.push_back("program999");
  who.since.push_back(150);
  reply.programs[5] = kept("program105", {}, 100);
  reply.programs.push_back(kept("program999", {120}, 110));
  EXPECT_EQ(recover(cursor, who, reply, 50).verdicts.back().second, Verdict::joined);
}

TEST(RecoveryByDigest, TellsNewProgramsByTheirBeginning) {
  const auto cursor = digest_cursor(100, {{"a", 1}, {"b", 2}}, 90);
  const auto recovery =
      sent(cursor, user({"a", "b", "c"}, {1, 95, 90}),
           {"e", 50, {kept("a", {}, 100), kept("b", {}, 80), kept("c", {200}, 150)}}, 50);
  EXPECT_EQ(recovery.verdicts,
            (Verdicts{{"a", Verdict::recovered}, {"b", Verdict::joined}, {"c", Verdict::gap}}));
}

TEST(RecoveryByDigest, SaysThatSomethingHasEndedWhichItCannotName) {
  const auto cursor = digest_cursor(100, {{"a", 1}, {"b", 2}}, 90);
  const auto one = sent(cursor, user({"a"}, {1}), {"e", 50, {kept("a", {}, 100)}}, 50);
  EXPECT_TRUE(one.changed);
  EXPECT_FALSE(one.recovered) << "as with a name";
  const auto other = sent(cursor, user({"a", "c"}, {1, 95}),
                          {"e", 50, {kept("a", {}, 100), kept("c", {}, 0)}}, 50);
  EXPECT_TRUE(other.changed) << "one has come and one has gone";
}

TEST(RecoveryByDigest, IsCertainOfWhatBeganAfterTheNewestThoughTheStoreHasNoNumberSince) {
  // No event since the snapshot, 90, by whose clock all began later.
  const auto cursor = digest_cursor(90, {{"a", 100}, {"b", 200}}, 90);
  const auto recovery =
      sent(cursor, user({"a", "b", "c"}, {100, 200, 300}),
           {"e", 50, {kept("a", {}, 90), kept("b", {}, 0), kept("c", {}, 0)}}, 50);
  EXPECT_EQ(
      recovery.verdicts,
      (Verdicts{{"a", Verdict::recovered}, {"b", Verdict::recovered}, {"c", Verdict::joined}}));
  EXPECT_FALSE(recovery.changed);
}

TEST(RecoveryByDigest, IsNotDeceivedByNumbersThatAreAheadOfTheClock) {
  const auto cursor = digest_cursor(900, {{"a", 1}, {"b", 2}}, 900);
  const auto recovery =
      sent(cursor, user({"a", "b", "c"}, {1, 2, 500}),
           {"e", 50, {kept("a", {}, 900), kept("b", {}, 0), kept("c", {}, 0)}}, 50);
  EXPECT_EQ(recovery.verdicts.back(), (std::pair<std::string, Verdict>{"c", Verdict::joined}));
  EXPECT_FALSE(recovery.changed);
}

TEST(RecoveryByDigest, SaysThatOneTookAnothersPlaceWithAnEarlierBeginning) {
  const auto cursor = digest_cursor(100, {{"a", 1}, {"b", 2}}, 90);
  const auto recovery =
      sent(cursor, user({"a", "c"}, {1, 1}), {"e", 50, {kept("a", {}, 100), kept("c", {}, 0)}}, 50);
  EXPECT_TRUE(recovery.changed);
  EXPECT_FALSE(recovery.recovered);
  const auto more = sent(cursor, user({"a", "b", "c"}, {1, 2, 1}),
                         {"e", 50, {kept("a", {}, 100), kept("b", {}, 0), kept("c", {}, 0)}}, 50);
  EXPECT_TRUE(more.changed) << "nothing has ended";
}

TEST(RecoveryByDigest, TakesAnotherSourcesBeginningsForTheSameMemberships) {
  const auto cursor = digest_cursor(100, {{"a", 1}, {"b", 2}}, 90);
  const auto recovery =
      sent(cursor, user({"a", "b", "c"}, {80, 85, 95}),
           {"e", 50, {kept("a", {}, 100), kept("b", {}, 0), kept("c", {}, 0)}}, 50);
  EXPECT_EQ(
      recovery.verdicts,
      (Verdicts{{"a", Verdict::recovered}, {"b", Verdict::recovered}, {"c", Verdict::joined}}));
  EXPECT_FALSE(recovery.changed);
}

// By id, and without a cursor.

TEST(RecoveryById, SendsWhatCameAfterIt) {
  const Cursor cursor = id_cursor({"e", 100});
  EXPECT_EQ(recovery_question(cursor, user({"a"}), 50).reads[0].after, 100U);
  const auto recovery = sent(cursor, user({"a"}), {"e", 50, {kept("a", {200}, 100)}}, 50);
  EXPECT_EQ(gids(recovery), std::vector<Gid>{200});
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::recovered}}));
  EXPECT_FALSE(recovery.recovered);
  EXPECT_FALSE(recovery.next.earlier);
  EXPECT_EQ(recovery.next.here.gid, 100U);
}

TEST(RecoveryById, SendsNothingFromBeforeTheMembership) {
  const Cursor cursor = id_cursor({"e", 100});
  const auto who = user({"a"}, {250});
  EXPECT_EQ(recovery_question(cursor, who, 50).reads[0].after, 250U);
  const auto recovery = sent(cursor, who, {"e", 50, {kept("a", {200, 300}, 100)}}, 50);
  EXPECT_EQ(gids(recovery), std::vector<Gid>{300});
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::joined}}));
}

TEST(RecoveryById, OfAnotherEpochIsAReset) {
  const auto recovery =
      sent(id_cursor({"x", 100}), user({"a"}), {"e", 50, {kept("a", {200}, 100)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::reset}}));
  EXPECT_TRUE(recovery.events.empty());
}

TEST(RecoveryById, OneThatWasNeverGivenOutIsAReset) {
  const auto recovery = sent(id_cursor({"e", Gid{1} << 52U}), user({"a", "b"}),
                             {"e", 50, {kept("a", {}, 100), kept("b", {}, 300)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::reset}, {"b", Verdict::reset}}));
  EXPECT_EQ(recovery.snapshot, 300U);
  EXPECT_EQ(recovery.floor, 0U);
}

TEST(RecoveryOfAnUnreadableCursor, IsAReset) {
  Cursor cursor;
  cursor.basis = UnreadableCursor{};
  EXPECT_GT(recovery_question(cursor, user({"a"}), 50).reads[0].after, Gid{1} << 52U);
  const auto recovery = sent(cursor, user({"a"}), {"e", 50, {{"a", 300, {}}}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::reset}}));
  EXPECT_EQ(recovery.next.earlier, Basis(UnreadableCursor{}));
}

TEST(RecoveryOfAFirstConnect, OwesNothingThatWasBefore) {
  const auto recovery = sent(Cursor{}, user({"a"}, {4}), {"e", 50, {{"a", 300, {}}}}, 50);
  EXPECT_TRUE(recovery.events.empty());
  EXPECT_FALSE(recovery.recovered);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::joined}}));
  EXPECT_EQ(recovery.next.here, (Snapshot{"e", 300, {300, {{"a", 4}}}}));
  EXPECT_EQ(recovery.next.earlier, Basis(NoCursor{}));
}

}  // namespace
}  // namespace crier::gateway
