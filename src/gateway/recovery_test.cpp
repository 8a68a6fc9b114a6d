#include "gateway/recovery.hpp"

#include <algorithm>
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

access::User user(std::vector<std::string> programs, std::vector<std::uint64_t> since = {}) {
  access::User user{"u1", "Ursula", "member", true, std::move(programs)};
  user.since = std::move(since);
  return user;
}

/// What follows for a client, and the events that are sent.
struct Sent : Recovery {
  std::vector<history::Record> events;
};

Sent sent(const Cursor& cursor, const access::User& user, const ReadReply& reply,
          std::uint32_t timestamp_max) {
  Sent sent{recover(cursor, user, reply, timestamp_max), {}};
  for (std::size_t i = 0; i < reply.programs.size(); ++i) {
    for (const auto& record : reply.programs[i].records) {
      const bool is_event = !history::is_gap_marker(record);
      if (is_event && record.gid > sent.after.at(i)) sent.events.push_back(record);
    }
  }
  std::ranges::sort(sent.events, {}, &history::Record::gid);
  EXPECT_EQ(sent.replayed, sent.events.size());
  return sent;
}

std::vector<Gid> gids(const Sent& sent) {
  std::vector<Gid> gids;
  for (const auto& event : sent.events) gids.push_back(event.gid);
  return gids;
}

Cursor time_cursor(std::int64_t milliseconds) {
  Cursor cursor;
  cursor.basis = TimestampCursor{milliseconds};
  return cursor;
}

Cursor id_cursor(history::EventId id) {
  Cursor cursor;
  cursor.basis = IdCursor{id};
  cursor.received = std::move(id);
  return cursor;
}

Sent by_time(std::int64_t milliseconds, const ReadReply& reply, std::uint32_t events_max = 50) {
  std::vector<std::string> programs;
  for (const auto& part : reply.programs) programs.push_back(part.program);
  return sent(time_cursor(milliseconds), user(programs), reply, events_max);
}

/// Of an admission whose snapshot was `at`.
Cursor pid_cursor(Gid gid, std::vector<Membership> memberships, Gid at = 90) {
  Cursor cursor;
  cursor.basis = Snapshot{"e", gid, {at, std::move(memberships)}};
  cursor.pid = "sealed";
  cursor.sid = "sid";
  return cursor;
}

/// The same without names.
Cursor digest_cursor(Gid gid, const std::vector<Membership>& memberships, Gid at) {
  Cursor cursor = pid_cursor(gid, {}, at);
  auto& then = std::get<Snapshot>(cursor.basis).memberships;
  then.count = static_cast<std::uint32_t>(memberships.size());
  for (const Membership& each : memberships) then.newest = std::max(then.newest, each.since);
  then.digest = digest_of(memberships);
  return cursor;
}

/// A pid whose verdicts, about `earlier`, were not heard; its replay began at `from`.
Cursor unheard(Basis earlier, Gid from, std::optional<Gid> received = {}) {
  Cursor cursor;
  cursor.basis = std::move(earlier);
  cursor.replay_from = history::EventId{"e", from};
  if (received) cursor.received = history::EventId{"e", *received};
  cursor.pid = "sealed";
  cursor.sid = "sid";
  return cursor;
}

// By timestamp.

TEST(RecoveryByTimestamp, ReadsOneMoreThanTheBoundFromTheMillisecondOn) {
  const auto reads = recovery_question(time_cursor(5), user({"a", "b"}), 50).reads;
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

TEST(RecoveryByTimestamp, SendsAMillisecondAgainInWhichAStoreBeganAnew) {
  const auto recovery = by_time(5, {"e", 5500, {kept("a", {5700})}});
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{5700})) << "it is not the one that the client has";
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::gap}}));
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
  EXPECT_EQ(by_time(5, {"e", 0, {kept("a", {5000, 5001, 9000})}}).floor, 4999U);
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

TEST(RecoveryByTimestamp, BelowTheFloorIsAGap) {
  EXPECT_EQ(by_time(5, {"e", 9000, {kept("a", {})}}).verdicts, (Verdicts{{"a", Verdict::gap}}));
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

TEST(RecoveryByPid, OfAUserWithoutProgramsIsRecovered) {
  EXPECT_TRUE(sent(pid_cursor(100, {}), user({}), {"e", 150, {}}, 50).recovered);
  EXPECT_TRUE(sent(pid_cursor(200, {}), user({}), {"e", 150, {}}, 50).recovered)
      << "nobody has asked the store for its last number";
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

// A pid without names.

TEST(RecoveryByDigest, KnowsAllProgramsWhenNothingHasChanged) {
  // The second one's beginning lies after the snapshot by another clock.
  const auto cursor = digest_cursor(100, {{"a", 1}, {"b", 500}}, 90);
  const auto recovery = sent(cursor, user({"a", "b"}, {1, 500}),
                             {"e", 50, {kept("a", {}, 100), kept("b", {}, 80)}}, 50);
  EXPECT_TRUE(recovery.recovered);
  EXPECT_FALSE(recovery.changed);
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

// A verdict that was not heard.

TEST(RecoveryUnheard, RepeatsTheVerdictAndSendsWhatIsNew) {
  const Snapshot earlier{"e", 100, {90, {{"a", 1}, {"b", 1}}}};
  const auto who = user({"a", "b"}, {1, 1});
  const ReadReply reply{"e", 50, {kept("a", {200, 300}, 150), kept("b", {250}, 100)}};
  EXPECT_EQ(recovery_question(unheard(earlier, 100), who, 50).reads[0].after, 100U);
  const auto first = sent(unheard(earlier, 100), who, reply, 50);
  EXPECT_EQ(first.verdicts, (Verdicts{{"a", Verdict::gap}, {"b", Verdict::recovered}}));
  EXPECT_EQ(gids(first), (std::vector<Gid>{200, 250, 300}));
  const auto later = sent(unheard(earlier, 100, 250), who, reply, 50);
  EXPECT_EQ(later.verdicts, first.verdicts);
  EXPECT_EQ(gids(later), (std::vector<Gid>{300})) << "it has the others";
  EXPECT_EQ(later.next.earlier, Basis(earlier));
  EXPECT_EQ(later.next.here.gid, 250U);
}

TEST(RecoveryUnheard, AGapStaysOneThoughAnotherNodeHasWhatWasMissing) {
  const Snapshot earlier{"e", 100, {90, {{"a", 1}, {"b", 1}}}};
  const auto who = user({"a", "b"}, {1, 1});
  // 150 is trimmed at the first node; the second one has it.
  const auto first =
      sent(unheard(earlier, 100), who, {"e", 50, {kept("a", {200}, 150), kept("b", {}, 100)}}, 50);
  EXPECT_EQ(first.next.gaps, std::vector<std::string>{"a"});
  Cursor cursor = unheard(earlier, 100, 200);
  cursor.gaps = first.next.gaps;
  const ReadReply whole{"e", 50, {kept("a", {150, 200, 300}, 100), kept("b", {}, 100)}};
  const auto later = sent(cursor, who, whole, 50);
  EXPECT_EQ(later.verdicts, (Verdicts{{"a", Verdict::gap}, {"b", Verdict::recovered}}));
  EXPECT_EQ(gids(later), (std::vector<Gid>{300}));
  EXPECT_EQ(later.next.gaps, std::vector<std::string>{"a"});
  cursor.gaps.clear();
  cursor.gaps_unnamed = true;
  EXPECT_EQ(sent(cursor, who, whole, 50).verdicts,
            (Verdicts{{"a", Verdict::gap}, {"b", Verdict::gap}}));
}

TEST(RecoveryUnheard, AFirstConnectIsJoinedAgainAndLosesNothing) {
  const auto who = user({"a"});
  const auto cursor = unheard(NoCursor{}, 100);
  EXPECT_EQ(recovery_question(cursor, who, 50).reads[0].after, 100U);
  const auto recovery = sent(cursor, who, {"e", 50, {kept("a", {200}, 100)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::joined}}));
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{200}));
  EXPECT_EQ(recovery.next.here.gid, 100U) << "the replay may be cut again";
  EXPECT_EQ(recovery.next.earlier, Basis(NoCursor{}));
}

TEST(RecoveryUnheard, AResetStaysOneAndWhatCameSinceIsSent) {
  const auto cursor = unheard(Snapshot{"old", 7, {5, {{"a", 0}}}}, 100);
  const auto recovery = sent(cursor, user({"a"}), {"e", 50, {kept("a", {200}, 100)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::reset}}));
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{200}));
  const auto renewed = sent(cursor, user({"a"}), {"f", 50, {kept("a", {200}, 100)}}, 50);
  EXPECT_EQ(renewed.verdicts, (Verdicts{{"a", Verdict::reset}}));
  EXPECT_TRUE(renewed.events.empty());
}

TEST(RecoveryUnheard, AnUnreadableCursorStaysAReset) {
  const auto recovery =
      sent(unheard(UnreadableCursor{}, 100), user({"a"}), {"e", 50, {kept("a", {}, 100)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::reset}}));
}

TEST(RecoveryUnheard, ALeftProgramIsNamedAgain) {
  const auto recovery = sent(unheard(Snapshot{"e", 100, {90, {{"a", 0}, {"b", 0}}}}, 100),
                             user({"a"}), {"e", 50, {kept("a", {200}, 150)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::gap}, {"b", Verdict::left}}));
}

TEST(RecoveryUnheard, ByTimestampSendsAllThatTheFirstReplayHadNotBrought) {
  const auto who = user({"a"});
  const auto cursor = unheard(TimestampCursor{5}, 5999, 6000);
  EXPECT_EQ(recovery_question(cursor, who, 2).reads[0].newest_max, 0U);
  const auto recovery = sent(cursor, who, {"e", 0, {kept("a", {6000, 7000, 8000, 9000}, 5000)}}, 2);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::gap}}));
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{7000, 8000, 9000}));
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
