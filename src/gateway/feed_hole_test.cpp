#include "gateway/feed_fixture.hpp"
#include "history/verdict.hpp"

namespace crier::gateway {
namespace {

using history::StoreError;
using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(FeedTest, AHoleStopsEveryProgramUntilAllAreRead) {
  live({{"p", 8}, {"q", 7}});
  hear("p", 12, 10);
  hear("q", 13, 7);
  EXPECT_THAT(commands(), ElementsAre("read p>8 q>7"));
  read({kept("p", {10, 12}, 8), kept("q", {}, 7)});
  EXPECT_THAT(commands(), ElementsAre("deliver p 10", "deliver p 12", "deliver q 13"));
  EXPECT_FALSE(feed.stopped());
}

TEST_F(FeedTest, MergesTheProgramsThatItReadsAgain) {
  live({{"p", 8}, {"q", 7}});
  feed.lost();
  feed.subscribed("p");
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  hear("q", 20, 13);
  read({kept("p", {10, 12, 14}, 8)});
  EXPECT_THAT(commands(), ElementsAre("read q>7"));
  read({kept("q", {11, 13}, 7)});
  EXPECT_THAT(commands(), ElementsAre("deliver p 10", "deliver q 11", "deliver p 12",
                                      "deliver q 13", "deliver p 14", "deliver q 20"));
}

TEST_F(FeedTest, ARestThatIsNotKeptClosesTheProgramOnly) {
  live({{"p", 8}, {"q", 7}});
  feed.lost();
  feed.subscribed("p");
  commands();
  read({kept("p", {12}, 10)});
  EXPECT_THAT(commands(), ElementsAre("close p gap"));
  feed.subscribed("q");
  commands();
  read({kept("q", {9}, 7)});
  EXPECT_THAT(commands(), ElementsAre("deliver q 9"));
  hear("p", 14, 12);
  EXPECT_THAT(commands(), ElementsAre("deliver p 14"));
}

// Who got q's event has a cursor beyond the p's that is missing, and would be told that it is
// whole.
TEST_F(FeedTest, ARestThatIsNotKeptIsMarkedWhenOtherProgramsWentBeyondIt) {
  live({{"p", 8}, {"q", 7}});
  hear("q", 11, 7);
  hear("p", 14, 12);
  EXPECT_THAT(commands(), ElementsAre("deliver q 11", "read p>8 q>11"));
  read({kept("p", {14}, 12), top("q", 11)});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p gap"));
}

TEST_F(FeedTest, NothingIsAnsweredWhileThereIsAHole) {
  live({{"p", 8}});
  feed.lost();
  ask(1, {{"p", 8}}, "e1", 8);
  EXPECT_THAT(commands(), IsEmpty());
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  read({kept("p", {10}, 8)});
  EXPECT_THAT(commands(), ElementsAre("deliver p 10", "answer 1 p:10[10]"));
}

TEST_F(FeedTest, AReadThatBeganBeforeTheHoleDoesNotCount) {
  live({{"p", 8}});
  ask(1, {{"q", 5}});
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("subscribe q", "read q>0"));
  feed.lost();
  read({kept("q", {6})});
  EXPECT_THAT(commands(), IsEmpty());
  feed.subscribed("p");
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  read({top("p", 8)});
  EXPECT_THAT(commands(), ElementsAre("read q>0"));
  read({kept("q", {6, 7})});
  EXPECT_THAT(commands(), ElementsAre("answer 1 q:7[6 7]"));
}

TEST_F(FeedTest, ARingOfAProgramWithoutMembersDoesNotOutliveTheSubscription) {
  live({{"p", 8}});
  members.clear();
  feed.lost();
  feed.subscribed("p");
  EXPECT_THAT(commands(), IsEmpty());
  ask(1, {{"p", 8}}, "e1", 8);
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
}

TEST_F(FeedTest, AnotherEpochOnTheBusClosesEverybody) {
  live({{"p", 8}, {"q", 7}});
  hear("p", 20, 0, "e2");
  EXPECT_THAT(commands(), ElementsAre("close  reset", "read p q"));
  members.clear();
  hear("p", 9, 8, "e1");
  read({top("p", 20), top("q", 0)}, "e2", 15);
  EXPECT_THAT(commands(), IsEmpty());
  hear("p", 22, 20, "e2");
  EXPECT_THAT(commands(), ElementsAre("deliver p 22"));
}

TEST_F(FeedTest, AnotherEpochInAReadClosesEverybodyAndIsReadAgain) {
  live({{"p", 8}});
  feed.lost();
  feed.subscribed("p");
  commands();
  read({top("p", 8)}, "e2", 9);
  EXPECT_THAT(commands(), ElementsAre("close  reset", "read p"));
  members.clear();
  read({top("p", 8)}, "e2", 9);
  EXPECT_THAT(commands(), IsEmpty());
  EXPECT_FALSE(feed.stopped());
}

TEST_F(FeedTest, WhoKnowsAnotherEpochMakesItAskTheStore) {
  live({{"p", 8}});
  ask(1, {{"p", 3}}, "e2", 3);
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
  read({kept("p", {30})}, "e2", 20);
  EXPECT_THAT(commands(), ElementsAre("close  reset", "read p>0"));
  read({kept("p", {30})}, "e2", 20);
  EXPECT_THAT(commands(), ElementsAre("close p unknown", "answer 1 p:30[30]"));
}

TEST_F(FeedTest, WhoKnowsMoreThanTheNodeMakesItAskTheStore) {
  live({{"p", 8}});
  ask(1, {{"p", 30}}, "e1", 30);
  EXPECT_THAT(commands(), ElementsAre("read p"));
  answers_probes = false;
  read({top("p", 30)});
  hear("p", 30, 8);
  feed.probed(true);
  EXPECT_THAT(commands(), ElementsAre("probe", "deliver p 30", "answer 1 p:30[]"));
}

TEST_F(FeedTest, AGapMarkerClosesTheProgramAndStaysInTheRing) {
  live({{"p", 8}});
  feed.published({"e1", "p", record(10, 8, std::string(history::gap_marker))}, now);
  EXPECT_THAT(commands(), ElementsAre("close p gap"));
  ask(1, {{"p", 8}}, "e1", 8);
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:10[10]"));
}

TEST_F(FeedTest, MembersOfWhomNothingIsKnownAreClosedWhenTheStoreIsThere) {
  ask(1, {{"p", after_everything}});
  feed.tick(now + options.patience);
  EXPECT_THAT(commands(), ElementsAre("subscribe p", "answer 1 failed"));
  members.insert("p");
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("read p"));
  read({top("p", 4)});
  EXPECT_THAT(commands(), ElementsAre("close p unknown"));
}

TEST_F(FeedTest, FollowsBlindlyAProgramThatLingered) {
  live({{"p", 8}});
  members.clear();
  feed.lost();
  feed.subscribed("p");
  EXPECT_THAT(commands(), IsEmpty());
  members.insert("p");
  feed.watch("p");
  EXPECT_THAT(commands(), ElementsAre("read p"));
  feed.store_read(Unexpected{StoreError::unavailable}, now);
  now += options.retry;
  feed.tick(now);
  EXPECT_THAT(commands(), ElementsAre("read p"));
  read({top("p", 10)});
  EXPECT_THAT(commands(), ElementsAre("close p unknown"));
}

TEST_F(FeedTest, AHoleOfAProgramWithoutMembersHoldsUpNobody) {
  live({{"p", 8}});
  members.clear();
  hear("p", 12, 10);
  EXPECT_FALSE(feed.stopped());
  ask(1, {});
  EXPECT_THAT(commands(), ElementsAre("answer 1"));
  ask(2, {{"p", 8}}, "e1", 8);
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
  read({kept("p", {8, 10, 12})});
  EXPECT_THAT(commands(), ElementsAre("answer 2 p:12[10 12]"));
}

TEST_F(FeedTest, APredecessorThatTheStoreDoesNotKnowIsNoReasonToReadForEver) {
  live({{"p", 8}});
  hear("p", 1000, 900);
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  read({top("p", 8)});
  EXPECT_THAT(commands(), IsEmpty());
  EXPECT_FALSE(feed.stopped());
  hear("p", 10, 8);
  EXPECT_THAT(commands(), ElementsAre("deliver p 10"));
}

TEST_F(FeedTest, WhoIsDeafNotices) {
  live({{"p", 8}});
  now += options.check_interval;
  feed.tick(now);
  EXPECT_THAT(commands(), ElementsAre("read p"));
  read({top("p", 10)});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p deaf", "listen again"));
  EXPECT_EQ(feed.times_deaf(), 1U);
}

TEST_F(FeedTest, ADeafNodeDoesNotMixWhatItKnewWithWhatItReads) {
  live({{"p", 8}});
  ask(1, {{"p", 8}, {"q", 5}}, "e1", 8);
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("subscribe q", "read p q>0"));
  read({top("p", 15), kept("q", {6, 20})});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p deaf", "listen again"));
  members.clear();
  feed.subscribed("p");
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
  read({kept("p", {8, 15})});
  EXPECT_THAT(commands(), ElementsAre("read p q>0"));
  read({top("p", 15), kept("q", {6, 20})});
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:15[15] q:20[6 20]"));
}

TEST_F(FeedTest, WhoHearsBeforeTheProbeIsAnsweredIsNotDeaf) {
  live({{"p", 8}});
  now += options.check_interval;
  feed.tick(now);
  commands();
  answers_probes = false;
  read({top("p", 10)});
  hear("p", 10, 8);
  feed.probed(true);
  EXPECT_EQ(feed.times_deaf(), 0U);
  EXPECT_THAT(commands(), ElementsAre("probe", "deliver p 10"));
}

TEST_F(FeedTest, NothingGoesOnBeforeAllThatWasReadAgainHasBeenHeard) {
  live({{"p", 8}, {"q", 7}});
  feed.lost();
  feed.subscribed("p");
  feed.subscribed("q");
  answers_probes = false;
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  read({kept("p", {10}, 8)});
  feed.probed(true);
  EXPECT_THAT(commands(), ElementsAre("probe", "read q>7"));
  read({kept("q", {20}, 7)});
  hear("p", 15, 10);
  feed.probed(true);
  EXPECT_THAT(commands(), ElementsAre("probe", "deliver p 10", "deliver p 15", "deliver q 20"));
}

TEST_F(FeedTest, AProbeThatFailsMakesTheReadWorthNothing) {
  ask(1, {{"p", 5}});
  feed.subscribed("p");
  commands();
  answers_probes = false;
  read({kept("p", {6})});
  feed.lost();
  feed.probed(false);
  EXPECT_THAT(commands(), ElementsAre("probe"));
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
}

TEST_F(FeedTest, EventsThatWereDeliveredBeyondAHoleAreToldOf) {
  live({{"p", 8}, {"q", 7}});
  hear("q", 11, 7);
  hear("p", 12, 10);
  EXPECT_THAT(commands(), ElementsAre("deliver q 11", "read p>8 q>11"));
  read({kept("p", {10, 12}, 8), kept("q", {}, 11)});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p delivered beyond a hole"));
}

TEST_F(FeedTest, AProgramThatTheStoreHasForgottenIsWholeForWhoKnewMore) {
  live({{"p", 8}, {"q", 50}});
  feed.lost();
  feed.subscribed("p");
  commands();
  read({top("p", 0)}, "e1", 20);
  feed.subscribed("q");
  commands();
  read({top("q", 50)}, "e1", 20);
  EXPECT_THAT(commands(), IsEmpty());
}

TEST_F(FeedTest, AProgramThatTheStoreHasForgottenIsAGapForWhoKnewLess) {
  live({{"p", 8}});
  feed.lost();
  feed.subscribed("p");
  commands();
  read({top("p", 0)}, "e1", 20);
  EXPECT_THAT(commands(), ElementsAre("close p gap"));
}

TEST_F(FeedTest, AProgramThatCountsFromTheBeginningAgainIsAGapForWhoKnewLess) {
  live({{"p", 8}});
  feed.lost();
  feed.subscribed("p");
  commands();
  read({kept("p", {30})}, "e1", 20);
  EXPECT_THAT(commands(), ElementsAre("close p gap"));
}

TEST_F(FeedTest, NobodyIsToldOfAGapWhenTheLastMemberLeftDuringTheHole) {
  live({{"p", 8}, {"q", 7}});
  feed.lost();
  members.erase("p");
  feed.subscribed("q");
  commands();
  read({kept("q", {11}, 7)});
  EXPECT_THAT(commands(), ElementsAre("deliver q 11"));
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  read({kept("p", {10}, 8)});
  EXPECT_THAT(commands(), IsEmpty());
}

}  // namespace
}  // namespace crier::gateway
