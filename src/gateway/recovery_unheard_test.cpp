#include "gateway/recovery_fixture.hpp"

#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

const std::vector<Membership> only{{"a", 0}};
const std::vector<Membership> both{{"a", 1}, {"b", 1}};

TEST(RecoveryUnheard, RepeatsTheVerdictAndSendsWhatIsNew) {
  const Snapshot earlier{"e", 100, {90, {{"a", 1}, {"b", 1}}}};
  const auto who = user({"a", "b"}, {1, 1});
  const ReadReply reply{"e", 50, {kept("a", {200, 300}, 150), kept("b", {250}, 100)}};
  EXPECT_EQ(recovery_question(unheard(earlier, 100, both), who, 50).reads[0].after, 100U);
  const auto first = sent(unheard(earlier, 100, both), who, reply, 50);
  EXPECT_EQ(first.verdicts, (Verdicts{{"a", Verdict::gap}, {"b", Verdict::recovered}}));
  EXPECT_EQ(gids(first), (std::vector<Gid>{200, 250, 300}));
  const auto later = sent(unheard(earlier, 100, both, 250), who, reply, 50);
  EXPECT_EQ(later.verdicts, first.verdicts);
  EXPECT_EQ(gids(later), (std::vector<Gid>{300})) << "it has the others";
  EXPECT_EQ(later.next.earlier, Basis(earlier));
  EXPECT_EQ(later.next.here.gid, 250U);
}

TEST(RecoveryUnheard, AGapStaysOneThoughAnotherNodeHasWhatWasMissing) {
  const Snapshot earlier{"e", 100, {90, {{"a", 1}, {"b", 1}}}};
  const auto who = user({"a", "b"}, {1, 1});
  // 150 is trimmed at the first node; the second one has it.
  const auto first = sent(unheard(earlier, 100, both), who,
                          {"e", 50, {kept("a", {200}, 150), kept("b", {}, 100)}}, 50);
  EXPECT_EQ(first.next.gaps, std::vector<std::string>{"a"});
  Cursor cursor = unheard(earlier, 100, both, 200);
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
  EXPECT_TRUE(sent(cursor, who, whole, 50).next.gaps_unnamed) << "as long as it is not heard";
}

TEST(RecoveryUnheard, AFirstConnectIsJoinedAgainAndLosesNothing) {
  const auto who = user({"a"});
  const auto cursor = unheard(NoCursor{}, 100, only);
  EXPECT_EQ(recovery_question(cursor, who, 50).reads[0].after, 100U);
  const auto recovery = sent(cursor, who, {"e", 50, {kept("a", {200}, 100)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::joined}}));
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{200}));
  EXPECT_EQ(recovery.next.here.gid, 100U) << "the replay may be cut again";
  EXPECT_EQ(recovery.next.earlier, Basis(NoCursor{}));
}

TEST(RecoveryUnheard, AsksForWhatTheVerdictAndTheReplayNeed) {
  const auto question = [](const Cursor& cursor) {
    return recovery_question(cursor, user({"a"}), 50);
  };
  const Snapshot earlier{"e", 100, {90, {{"a", 0}}}};
  EXPECT_EQ(question(unheard(earlier, 150, only)).reads[0].after, 100U)
      << "the verdict is from there";
  EXPECT_EQ(question(unheard(earlier, 150, only)).cursor, 150U);
  EXPECT_EQ(question(unheard(earlier, 150, only)).epoch, "e");
  EXPECT_EQ(question(unheard(NoCursor{}, 100, only, 200)).reads[0].after, 200U);
  Cursor foreign = unheard(NoCursor{}, 100, only);
  foreign.received = history::EventId{"x", 200};
  EXPECT_EQ(question(foreign).reads[0].after, 100U) << "another epoch's number is none here";
}

TEST(RecoveryUnheard, AResetStaysOneAndWhatCameSinceIsSent) {
  const auto cursor = unheard(Snapshot{"old", 7, {5, {{"a", 0}}}}, 100, only);
  const auto recovery = sent(cursor, user({"a"}), {"e", 50, {kept("a", {200}, 100)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::reset}}));
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{200}));
  const auto renewed = sent(cursor, user({"a"}), {"f", 50, {kept("a", {200}, 100)}}, 50);
  EXPECT_EQ(renewed.verdicts, (Verdicts{{"a", Verdict::reset}}));
  EXPECT_TRUE(renewed.events.empty());
}

TEST(RecoveryUnheard, OfAUserWithoutProgramsIsRecovered) {
  EXPECT_TRUE(sent(unheard(NoCursor{}, 100, {}), user({}), {"e", 150, {}}, 50).recovered);
}

TEST(RecoveryUnheard, AnUnreadableCursorStaysAReset) {
  const auto recovery = sent(unheard(UnreadableCursor{}, 100, only), user({"a"}),
                             {"e", 50, {kept("a", {}, 100)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::reset}}));
}

TEST(RecoveryUnheard, WhatACursorCouldNotNameIsChangedUntilItIsHeard) {
  for (const Basis& basis : {Basis(UnreadableCursor{}), Basis(IdCursor{{"e", 100}})}) {
    Cursor cursor;
    cursor.basis = basis;
    cursor.ended_unnamed = true;
    cursor.stale = history::EventId{"e", 120};
    const auto first = sent(cursor, user({"a"}), {"e", 50, {kept("a", {200}, 100)}}, 50);
    EXPECT_TRUE(first.changed);
    EXPECT_FALSE(first.recovered);
    EXPECT_EQ(first.next.earlier, basis);
    EXPECT_TRUE(first.next.ended_unnamed);
    EXPECT_EQ(first.next.stale, cursor.stale);
  }
}

TEST(RecoveryUnheard, AnOffsetAboveWhatTheStoreHasNumberedIsStale) {
  Cursor cursor = pid_cursor(100, {{"a", 0}});
  cursor.received = history::EventId{"e", Gid{1} << 52U};
  const auto recovery = sent(cursor, user({"a"}), {"e", 50, {kept("a", {200}, 100)}}, 50);
  EXPECT_TRUE(recovery.is_ahead);
  EXPECT_EQ(recovery.next.stale, cursor.received);
}

TEST(RecoveryUnheard, ALeftProgramIsNamedAgain) {
  const auto recovery = sent(unheard(Snapshot{"e", 100, {90, {{"a", 0}, {"b", 0}}}}, 100, only),
                             user({"a"}), {"e", 50, {kept("a", {200}, 150)}}, 50);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::gap}, {"b", Verdict::left}}));
}

TEST(RecoveryUnheard, ByTimestampSendsAllThatTheFirstReplayHadNotBrought) {
  const auto who = user({"a"});
  const auto cursor = unheard(TimestampCursor{5}, 5999, only, 6000);
  EXPECT_EQ(recovery_question(cursor, who, 2).reads[0].newest_max, 0U);
  const auto recovery = sent(cursor, who, {"e", 0, {kept("a", {6000, 7000, 8000, 9000}, 5000)}}, 2);
  EXPECT_EQ(recovery.verdicts, (Verdicts{{"a", Verdict::recovered}}));
  EXPECT_EQ(gids(recovery), (std::vector<Gid>{7000, 8000, 9000}));
}

// Memberships that are there, away and there again, while no verdict is heard.

/// The cursor of who has not heard what `recovery` said either.
Cursor cut_again(const Recovery& recovery, std::optional<Gid> received = {}) {
  Cursor cursor = unheard(*recovery.next.earlier, 0, {}, received);
  cursor.unheard = recovery.next.here;
  cursor.gaps = recovery.next.gaps;
  cursor.ended = recovery.next.ended;
  cursor.ended_unnamed = recovery.next.ended_unnamed;
  return cursor;
}

TEST(RecoveryUnheard, WhatCameOfOtherProgramsSaysNothingOfOneThatWasAway) {
  // Event 150 of a is owed; an admission without a brought event 200 of b.
  const Basis bases[] = {Snapshot{"e", 100, {90, both}}, IdCursor{{"e", 100}}, TimestampCursor{0}};
  for (const Basis& earlier : bases) {
    const auto away = unheard(earlier, 100, {{"b", 1}}, 200);
    const ReadReply reply{"e", 50, {kept("a", {150, 250}, 90), kept("b", {200}, 80)}};
    const auto back = sent(away, user({"a", "b"}, {1, 1}), reply, 50);
    EXPECT_EQ(back.verdicts[0].second, Verdict::joined);
    EXPECT_EQ(gids(back), (std::vector<Gid>{250}));
    const auto later = sent(cut_again(back, 250), user({"a", "b"}, {1, 1}), reply, 50);
    EXPECT_EQ(later.verdicts[0].second, Verdict::joined) << "that was not heard either";
  }
}

TEST(RecoveryUnheard, WhatTheClientMayHaveDroppedIsJoinedWhenItIsBack) {
  const Snapshot earlier{"e", 100, {90, both}};
  const ReadReply one{"e", 50, {kept("b", {}, 100)}};
  const ReadReply two{"e", 50, {kept("a", {}, 100), kept("b", {}, 100)}};
  Cursor known = pid_cursor(100, both);
  const auto gone = sent(known, user({"b"}, {1}), one, 50);
  EXPECT_EQ(gone.verdicts, (Verdicts{{"a", Verdict::left}, {"b", Verdict::recovered}}));
  const auto back = sent(cut_again(gone), user({"a", "b"}, {1, 1}), two, 50);
  EXPECT_EQ(back.verdicts, (Verdicts{{"a", Verdict::joined}, {"b", Verdict::recovered}}));
  const auto away = sent(cut_again(back), user({"b"}, {1}), one, 50);
  EXPECT_EQ(away.verdicts, gone.verdicts);
  EXPECT_EQ(sent(cut_again(away), user({"a", "b"}, {1, 1}), two, 50).verdicts, back.verdicts);
}

TEST(RecoveryUnheard, WhatTheClientMayHaveLoadedHasLeftWhenItIsGone) {
  const ReadReply one{"e", 50, {kept("b", {}, 100)}};
  // It may have heard of a.
  const auto gone = sent(unheard(NoCursor{}, 100, both), user({"b"}, {1}), one, 50);
  EXPECT_EQ(gone.verdicts, (Verdicts{{"a", Verdict::left}, {"b", Verdict::joined}}));
  const auto later = sent(cut_again(gone), user({"b"}, {1}), one, 50);
  EXPECT_EQ(later.verdicts, gone.verdicts) << "as long as it is not heard";
}

TEST(RecoveryUnheard, WhatCannotBeNamedAnyMoreHasChanged) {
  Cursor cursor = unheard(Snapshot{"e", 100, {90, only}}, 100, {});
  Memberships& then = cursor.unheard->memberships;
  then.count = 2;
  then.digest = digest_of(both);
  then.exact = exact_digest_of(both);
  const ReadReply reply{"e", 50, {kept("a", {}, 100)}};
  const auto gone = sent(cursor, user({"a"}, {0}), reply, 50);
  EXPECT_TRUE(gone.changed);
  EXPECT_FALSE(gone.recovered);
  EXPECT_TRUE(sent(cut_again(gone), user({"a"}, {0}), reply, 50).changed) << "nobody heard it";
}

TEST(RecoveryUnheard, WhoHasNoProgramsLeftCanSayThatItHeardSo) {
  const auto gone = sent(pid_cursor(100, only), user({}), {}, 50);
  EXPECT_EQ(gone.verdicts, (Verdicts{{"a", Verdict::left}}));
  ASSERT_TRUE(gone.position);
  Cursor heard = pid_cursor(0, {});
  heard.basis = gone.next.here;
  heard.received = *gone.position;
  const auto again = sent(heard, user({}), {}, 50);
  EXPECT_TRUE(again.recovered);
  EXPECT_TRUE(again.verdicts.empty());
  const auto back = sent(heard, user({"a"}), {"e", 50, {kept("a", {200}, 150)}}, 50);
  EXPECT_EQ(back.verdicts, (Verdicts{{"a", Verdict::joined}}));
  EXPECT_TRUE(back.events.empty());
}

}  // namespace
}  // namespace crier::gateway
