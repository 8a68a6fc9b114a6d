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
  hear("q", 20, 7);
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

TEST_F(FeedTest, AHoleThatShowsWhenTheLastMemberHasLeftIsMarkedIfOtherProgramsWentBeyondIt) {
  live({{"p", 8}, {"q", 7}});
  hear("q", 11, 7);
  members.erase("p");
  hear("p", 12, 10);
  EXPECT_THAT(commands(), ElementsAre("deliver q 11", "read p>8 q>11"));
  read({kept("p", {10, 12}, 8), top("q", 11)});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p delivered beyond a hole"));
}

TEST_F(FeedTest, AHoleIsMarkedThoughTheLastMemberLeavesBeforeItIsRead) {
  live({{"p", 8}, {"q", 7}});
  hear("q", 11, 7);
  hear("p", 12, 10);
  EXPECT_THAT(commands(), ElementsAre("deliver q 11", "read p>8 q>11"));
  members.erase("p");
  read({kept("p", {10, 12}, 8), top("q", 11)});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p delivered beyond a hole"));
}

TEST_F(FeedTest, AHoleBeyondWhichNothingWentOutIsNotMarkedWhenNobodyIsLeft) {
  live({{"p", 8}, {"q", 7}});
  hear("p", 12, 10);
  EXPECT_THAT(commands(), ElementsAre("read p>8 q>7"));
  members.erase("p");
  read({kept("p", {10, 12}, 8), top("q", 7)});
  EXPECT_THAT(commands(), IsEmpty());
}

TEST_F(FeedTest, AHoleThatAnAnswerHasPassedIsMarked) {
  live({{"p", 8}, {"q", 11}});  // nothing was delivered
  ask(1, {{"p", after_everything}, {"q", after_everything}});
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[] q:11[]"));
  feed.lost();
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  read({kept("p", {10}, 8)});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p delivered beyond a hole"));
}

TEST_F(FeedTest, AHoleThatACursorOfAnotherProgramHasPassedIsMarked) {
  live({{"p", 8}});
  ask(1, {{"p", after_everything}}, "e1", 11);  // was a member of another one
  EXPECT_THAT(commands(), ElementsAre("read p"));
  read({top("p", 8)}, "e1", 0, 0, 11);
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[]"));
  feed.lost();
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  read({kept("p", {10}, 8)});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p delivered beyond a hole"));
}

TEST_F(FeedTest, ACursorThatNoEventHasPassesNothing) {
  live({{"p", 8}});
  ask(1, {{"p", after_everything}}, "e1", 20);  // made up
  commands();
  read({top("p", 8)}, "e1", 0, 0, 8);
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[]"));
  feed.lost();
  feed.subscribed("p");
  commands();
  read({kept("p", {10}, 8)});
  EXPECT_THAT(commands(), ElementsAre("deliver p 10"));
}

TEST_F(FeedTest, AHoleThatOthersHavePassedIsMarkedThoughTheStoreHasTrimmedItMeanwhile) {
  live({{"p", 8}, {"q", 7}});
  hear("q", 11, 7);
  members.clear();
  hear("p", 12, 10);
  EXPECT_THAT(commands(), ElementsAre("deliver q 11", "read p>8"));
  read({kept("p", {14}, 12)});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p gap"));
}

TEST_F(FeedTest, WhatWasLostBeforeTheSubscriptionWasIsMarkedThoughTheLastMemberHasLeftMeanwhile) {
  live({{"p", 8}, {"q", 7}});
  hear("q", 11, 7);
  commands();
  feed.lost();
  members.erase("p");
  feed.lost();
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("read q>11"));
  read({top("q", 11)});
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  read({kept("p", {12}, 10)});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p gap"));
}

TEST_F(FeedTest, WhatWasLostBeforeTheLastMemberLeftIsMarkedThoughTheSubscriptionWasLostAfterwards) {
  live({{"p", 8}, {"q", 7}});
  hear("q", 11, 7);
  members.erase("p");
  feed.lost();
  feed.subscribed("p");
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("deliver q 11", "read p>8"));
  read({kept("p", {10}, 8)});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p delivered beyond a hole", "read q>11"));
}

TEST_F(FeedTest, ComparesAProgramOnceMoreWhenItsLastMemberHasLeft) {
  live({{"p", 8}, {"q", 7}});
  hear("q", 11, 7);
  members.erase("p");
  commands();
  now += options.check_interval;
  feed.tick(now);
  EXPECT_THAT(commands(), ElementsAre("read p q"));
  read({top("p", 10), top("q", 11)});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p deaf", "listen again"));
}

TEST_F(FeedTest, WhatIsLostAfterThatIsMissedByNobody) {
  live({{"p", 8}, {"q", 7}});
  members.erase("p");
  now += options.check_interval;
  feed.tick(now);
  commands();
  read({top("p", 8), top("q", 7)});
  hear("q", 11, 7);
  commands();
  feed.lost();
  feed.subscribed("p");
  EXPECT_THAT(commands(), IsEmpty());
}

TEST_F(FeedTest, AHoleThatShowsWhenAReadEndsHoldsNobodyBackIfNoMembersAreLeft) {
  live({{"p", 8}});
  hear("p", 9, 8, "e2");
  EXPECT_THAT(commands(), ElementsAre("close  reset", "read p"));
  members.erase("p");
  hear("p", 12, 11, "e2");
  read({top("p", 9)}, "e2");
  EXPECT_THAT(commands(), IsEmpty());
  EXPECT_FALSE(feed.stopped());
  EXPECT_EQ(feed.held_count(), 0U);
  ask(1, {});
  EXPECT_THAT(commands(), ElementsAre("answer 1"));
}

TEST_F(FeedTest, WhoHasNoProgramsIsAnsweredWhenTheLastMemberLeavesWhileNothingIsHeard) {
  live({{"p", 8}});
  feed.lost();
  EXPECT_TRUE(feed.stopped());
  members.erase("p");
  ask(1, {});
  EXPECT_THAT(commands(), ElementsAre("answer 1"));
}

/// As many programs as do not fit into one slice, or into three.
class FeedOfManyPrograms : public FeedTest {
 protected:
  static std::string name(std::size_t i) {
    const std::string digits = std::to_string(i);
    return std::string(5 - digits.size(), '0') + digits;
  }
  void open(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      ask(i, {{name(i), after_everything}});
      feed.subscribed(name(i));
    }
    answer_reads();
    for (std::size_t i = 0; i < count; ++i) members.insert(name(i));
  }
  /// Answers all reads with the tops; how many programs each of them was about.
  std::vector<std::size_t> answer_reads() {
    std::vector<std::size_t> sizes;
    while (feed.has_command()) {
      const FeedCommand command = feed.next_command();
      if (std::holds_alternative<ProbeStore>(command)) feed.probed(true);
      if (std::holds_alternative<CloseMembers>(command)) ++closed;
      if (!std::holds_alternative<ReadStore>(command)) continue;
      std::vector<Kept> tops;
      for (const auto& one : std::get<ReadStore>(command).reads) {
        tops.push_back(top(one.program, one.program == ahead ? 9 : 8));
        ++compared[one.program];
      }
      sizes.push_back(tops.size());
      read(std::move(tops));
    }
    return sizes;
  }
  /// Until the end of one interval; how many programs each call was about.
  std::vector<std::size_t> run_interval() {
    compared.clear();
    std::vector<std::size_t> sizes;
    const TimePoint end = feed.deadline() + options.check_interval;
    while (feed.deadline() < end) {
      now = feed.deadline();
      feed.tick(now);
      for (const std::size_t size : answer_reads()) sizes.push_back(size);
    }
    return sizes;
  }

  std::map<std::string, int> compared;
  std::string ahead;
  int closed = 0;
};

TEST_F(FeedOfManyPrograms, AreComparedInSlicesEachOnceAnInterval) {
  const std::size_t slice = check_slice_max;
  open(3 * slice + 1);
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(run_interval(), ElementsAre(slice, slice, slice, 1U));
    EXPECT_EQ(compared.size(), 3 * slice + 1);
    for (const auto& [program, times] : compared) EXPECT_EQ(times, 1) << program;
  }
  EXPECT_EQ(closed, 0);
}

TEST_F(FeedOfManyPrograms, AreOneSliceIfTheyFit) {
  open(check_slice_max);
  EXPECT_THAT(run_interval(), ElementsAre(check_slice_max));
}

TEST_F(FeedOfManyPrograms, AreFoundDeafInWhicheverSlice) {
  open(2 * check_slice_max + 7);
  ahead = name(2 * check_slice_max + 3);
  now = feed.deadline();
  for (int calls = 0; calls < 4 && feed.times_deaf() == 0; ++calls) {
    now = feed.deadline();
    feed.tick(now);
    answer_reads();
  }
  EXPECT_EQ(feed.times_deaf(), 1U);
}

TEST_F(FeedOfManyPrograms, AreLetGoOfInSlices) {
  open(2 * check_slice_max);
  members.clear();
  run_interval();
  EXPECT_EQ(feed.program_count(), 2 * check_slice_max);
  now += options.ring.age_max;
  std::size_t before = feed.program_count();
  while (before > 0) {
    feed.tick(now);
    answer_reads();
    EXPECT_LE(before - feed.program_count(), check_slice_max);
    ASSERT_LT(feed.program_count(), before);
    before = feed.program_count();
    now = std::max(now, feed.deadline());
  }
}

TEST_F(FeedOfManyPrograms, AreNotComparedWithAStoreThatCannotBeMissed) {
  FeedOptions alone = options;
  alone.compares = false;
  Feed other{alone, [](const std::string&) { return true; }, now};
  other.watch("p");
  other.subscribed("p");
  while (other.has_command()) other.next_command();
  other.store_read(ReadReply{"e1", 0, {top("p", 8)}}, now);
  while (other.has_command()) {
    if (std::holds_alternative<ProbeStore>(other.next_command())) other.probed(true);
  }
  for (int round = 0; round < 3; ++round) {
    now += options.check_interval;
    other.tick(now);
    EXPECT_FALSE(other.has_command());
  }
}

}  // namespace
}  // namespace crier::gateway
