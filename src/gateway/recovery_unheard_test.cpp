#include "gateway/recovery_fixture.hpp"

#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

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
  EXPECT_TRUE(sent(cursor, who, whole, 50).next.gaps_unnamed) << "as long as it is not heard";
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

TEST(RecoveryUnheard, AsksForWhatTheVerdictAndTheReplayNeed) {
  const auto question = [](const Cursor& cursor) {
    return recovery_question(cursor, user({"a"}), 50);
  };
  const Snapshot earlier{"e", 100, {90, {{"a", 0}}}};
  EXPECT_EQ(question(unheard(earlier, 150)).reads[0].after, 100U) << "the verdict is from there";
  EXPECT_EQ(question(unheard(earlier, 150)).cursor, 150U);
  EXPECT_EQ(question(unheard(earlier, 150)).epoch, "e");
  EXPECT_EQ(question(unheard(NoCursor{}, 100, 200)).reads[0].after, 200U);
  Cursor foreign = unheard(NoCursor{}, 100);
  foreign.received = history::EventId{"x", 200};
  EXPECT_EQ(question(foreign).reads[0].after, 100U) << "another epoch's number is none here";
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

TEST(RecoveryUnheard, OfAUserWithoutProgramsIsRecovered) {
  EXPECT_TRUE(sent(unheard(NoCursor{}, 100), user({}), {"e", 150, {}}, 50).recovered);
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

}  // namespace
}  // namespace crier::gateway
