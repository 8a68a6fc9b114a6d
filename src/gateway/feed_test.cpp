#include "gateway/feed_fixture.hpp"

namespace crier::gateway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(FeedTest, AnswersFromTheRingWithoutARead) {
  live({{"p", 8}});
  hear("p", 10, 8);
  hear("p", 12, 10);
  EXPECT_THAT(commands(), ElementsAre("deliver p 10", "deliver p 12"));
  ask(1, {{"p", 10}}, "e1", 10);
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:12[12]"));
}

TEST_F(FeedTest, ARepeatIsNotDelivered) {
  live({{"p", 8}});
  hear("p", 10, 8);
  hear("p", 10, 8);
  EXPECT_THAT(commands(), ElementsAre("deliver p 10"));
}

TEST_F(FeedTest, WhatIsOldLeavesTheRing) {
  live({{"p", 8}});
  hear("p", 10, 8);
  commands();
  now += options.ring.age_max + options.check_interval;
  feed.tick(now);
  EXPECT_THAT(commands(), ElementsAre("read p"));
  ask(1, {{"p", 8}}, "e1", 8);
  read({top("p", 10)});
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
}

TEST_F(FeedTest, LetsGoOfAProgramAfterLingering) {
  live({{"p", 8}});
  members.clear();
  now += options.check_interval;
  feed.tick(now);
  EXPECT_THAT(commands(), ElementsAre("read p")) << "once more";
  read({top("p", 8)});
  EXPECT_THAT(commands(), IsEmpty());
  now += options.check_interval;
  feed.tick(now);
  EXPECT_THAT(commands(), IsEmpty());
  now += options.ring.age_max;
  feed.tick(now);
  EXPECT_THAT(commands(), ElementsAre("unsubscribe p"));
  EXPECT_EQ(feed.program_count(), 0U);
}

TEST_F(FeedTest, AnswersWithTheLatestClockAndNoNumberAheadOfIt) {
  const auto clock = [this] {
    ask(7, {{"p", after_everything}});
    const FeedCommand command = feed.next_command();
    return std::get<Answered>(command).reply->clock;
  };
  ask(1, {{"p", after_everything}});
  feed.subscribed("p");
  commands();
  read({top("p", 8)}, "e1", 0, 50);
  commands();
  EXPECT_EQ(clock(), 50U);
  members.insert("p");
  hear("p", 60, 8);
  commands();
  EXPECT_EQ(clock(), 60U);
  ask(2, {{"p", 2}}, "e1", 2);
  commands();
  read({kept("p", {8, 60})}, "e1", 0, 40);
  commands();
  EXPECT_EQ(clock(), 60U) << "a clock that stepped back takes no number back";
  hear("p", 90, 60, "e2");
  commands();
  read({top("p", 30)}, "e2", 0, 45);
  commands();
  EXPECT_EQ(clock(), 45U) << "but another epoch begins with its own";
}

TEST_F(FeedTest, AnswersWithTheGreatestNumberIfTheStoreTold) {
  const auto last = [this] {
    ask(7, {{"p", after_everything}});
    const FeedCommand command = feed.next_command();
    return std::get<Answered>(command).reply->last;
  };
  live({{"p", 8}});
  EXPECT_EQ(last(), 0U) << "it is not known";
  ask(1, {{"q", after_everything}});
  feed.subscribed("q");
  commands();
  read({top("q", 5)}, "e1", 0, 50, 30);
  commands();
  EXPECT_EQ(last(), 30U);
  hear("p", 40, 8);
  commands();
  EXPECT_EQ(last(), 40U);
}

TEST_F(FeedTest, AnEventOfAnEpochThatWasLeftMakesItLookAtTheStoreAtOnce) {
  live({{"p", 8}});
  hear("p", 9, 8, "e2");
  EXPECT_THAT(commands(), ElementsAre("close  reset", "read p"));
  read({top("p", 9)}, "e2");
  commands();
  for (const Gid gid : {10, 11}) {
    hear("p", gid, gid - 1, "e1");
    const auto expected =
        gid == 10 ? std::vector<std::string>{"read p"} : std::vector<std::string>();
    EXPECT_EQ(commands(), expected);
  }
  read({top("p", 9)}, "e2");
  EXPECT_THAT(commands(), ElementsAre("read p")) << "it came late; so may the other one";
  read({top("p", 11)}, "e3");
  EXPECT_THAT(commands(), ElementsAre("close  reset", "read p")) << "the store had gone back";
}

}  // namespace
}  // namespace crier::gateway
