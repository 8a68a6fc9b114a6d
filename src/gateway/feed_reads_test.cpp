#include "gateway/feed_fixture.hpp"

namespace crier::gateway {
namespace {

using history::StoreError;
using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(FeedTest, ReadsOnlyOnceTheSubscriptionIsConfirmed) {
  ask(1, {{"p", 5}});
  EXPECT_THAT(commands(), ElementsAre("subscribe p"));
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
  read({kept("p", {4, 6, 8})});
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[6 8]"));
}

TEST_F(FeedTest, WhoHasNoCursorCostsNoEvents) {
  ask(1, {{"p", after_everything}});
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("subscribe p", "read p"));
  read({top("p", 8)});
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[]"));
}

TEST_F(FeedTest, AStormCostsOneReadAProgram) {
  for (std::uint64_t client = 1; client <= 100; ++client) ask(client, {{"p", client}});
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("subscribe p", "read p>0"));
  for (std::uint64_t client = 101; client <= 200; ++client) ask(client, {{"p", client}});
  EXPECT_THAT(commands(), IsEmpty());
  read({kept("p", {500})});
  EXPECT_EQ(commands().size(), 200U);
}

TEST_F(FeedTest, ACursorBelowTheRingReadsAllThatIsKept) {
  live({{"p", 8}});
  hear("p", 10, 8);
  commands();
  ask(1, {{"p", 3}}, "e1", 3);
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
  hear("p", 12, 10);
  read({kept("p", {2, 4, 8, 10})});
  EXPECT_THAT(commands(), ElementsAre("deliver p 12", "answer 1 p:12[4 8 10 12]"));
}

TEST_F(FeedTest, WhatTheStoreDoesNotKeepStaysBelowTheRing) {
  live({{"p", 8}});
  ask(1, {{"p", 3}}, "e1", 3);
  commands();
  read({kept("p", {8}, 6)});
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[8]"));
  ask(2, {{"p", 6}}, "e1", 6);
  EXPECT_THAT(commands(), ElementsAre("answer 2 p:8[8]"));
}

TEST_F(FeedTest, EventsHeardDuringTheReadFollowIt) {
  ask(1, {{"p", 5}});
  feed.subscribed("p");
  commands();
  hear("p", 10, 8);
  hear("p", 12, 10);
  read({kept("p", {6, 8, 10})});
  EXPECT_THAT(commands(), ElementsAre("deliver p 12", "answer 1 p:12[6 8 10 12]"));
}

TEST_F(FeedTest, AReadThatFailsFailsTheQuestionsAndIsTriedAgain) {
  ask(1, {{"p", 5}});
  feed.subscribed("p");
  commands();
  feed.store_read(Unexpected{StoreError::unavailable}, now);
  EXPECT_THAT(commands(), ElementsAre("answer 1 failed"));
  ask(2, {{"p", 5}});
  EXPECT_THAT(commands(), IsEmpty());
  feed.tick(now + options.retry);
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
}

TEST_F(FeedTest, HoldsNothingOfAProgramThatIsYetToBeRead) {
  ask(1, {{"p", 5}});
  feed.withdraw(1);
  feed.subscribed("p");
  commands();
  hear("p", 10, 8);
  EXPECT_EQ(feed.held_count(), 0U);
  ask(2, {{"p", 5}});
  hear("p", 12, 10);
  EXPECT_EQ(feed.held_count(), 1U) << "the read may have been made before";
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
  read({kept("p", {8, 10})});
  EXPECT_THAT(commands(), ElementsAre("deliver p 12", "answer 2 p:12[8 10 12]"));
}

TEST_F(FeedTest, AQuestionOfManyProgramsIsReadByAndByThenComparedAtOnce) {
  std::vector<std::pair<std::string, Gid>> reads;
  std::vector<Kept> whole;
  std::vector<Kept> tops;
  for (char name = 'a'; name < 'a' + 9; ++name) {
    reads.emplace_back(std::string(1, name), 5);
    whole.push_back(kept(std::string(1, name), {6}));
    tops.push_back(top(std::string(1, name), 6));
  }
  ask(1, reads);
  for (const auto& [name, after] : reads) feed.subscribed(name);
  std::vector<std::string> said = commands();
  EXPECT_EQ(said.back(), "read a>0");
  read({whole[0]});
  EXPECT_THAT(commands(), ElementsAre("read a b>0 c>0 d>0 e>0 f>0 g>0 h>0 i>0"));
  read({tops[0], whole[1], whole[2], whole[3], whole[4], whole[5], whole[6], whole[7], whole[8]});
  said = commands();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_TRUE(said[0].starts_with("answer 1 a:6[6]"));
}

TEST_F(FeedTest, AReadIsNotAnsweredBeforeAllThatItKnowsHasBeenHeard) {
  live({{"p", 8}});
  ask(1, {{"p", 8}, {"q", 5}}, "e1", 8);
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("subscribe q", "read p q>0"));
  answers_probes = false;
  read({top("p", 15), kept("q", {6, 20})});
  hear("p", 15, 8);
  EXPECT_THAT(commands(), ElementsAre("probe", "deliver p 15"));
  hear("q", 20, 6);
  hear("q", 22, 20);
  feed.probed(true);
  EXPECT_THAT(commands(), ElementsAre("deliver q 22", "answer 1 p:15[15] q:22[6 20 22]"));
}

TEST_F(FeedTest, WhatTheRingHasDroppedIsReadAgain) {
  live({{"p", 8}});
  for (Gid gid = 10; gid <= 18; gid += 2) hear("p", gid, gid - 2);
  commands();
  ask(1, {{"p", 10}}, "e1", 10);
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:18[12 14 16 18]"));
  ask(2, {{"p", 8}}, "e1", 8);
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
}

TEST_F(FeedTest, ABrokenProgramClosesItsMembersOnceAndIsToldUntilItIsWhole) {
  live({{"p", 8}, {"q", 8}});
  for (int round = 0; round < 2; ++round) {
    now += options.check_interval;
    feed.tick(now);
    EXPECT_THAT(commands(), ElementsAre("read p q"));
    read({broken("p", 8), top("q", 8)});
    const std::vector<std::string> closed = {"close p broken"};
    EXPECT_EQ(commands(), round == 0 ? closed : std::vector<std::string>());
  }
  EXPECT_THAT(feed.broken(), ElementsAre("p"));
  ask(1, {{"q", 8}}, "e1", 8);
  EXPECT_THAT(commands(), ElementsAre("answer 1 q:8[]")) << "nobody else waits for it";
  ask(2, {{"p", 8}, {"q", 8}}, "e1", 8);
  EXPECT_THAT(commands(), ElementsAre("read p"));
  read({broken("p", 8)});
  EXPECT_THAT(commands(), ElementsAre("answer 2 p:8[] broken q:8[]"));
  now += options.check_interval;
  feed.tick(now);
  commands();
  read({top("p", 8), top("q", 8)});
  EXPECT_THAT(commands(), IsEmpty());
  EXPECT_THAT(feed.broken(), IsEmpty());
  ask(3, {{"p", 8}}, "e1", 8);
  EXPECT_THAT(commands(), ElementsAre("answer 3 p:8[]"));
}

TEST_F(FeedTest, ABrokenProgramIsForgottenWithoutMembersOrQuestions) {
  const auto check = [this] {
    now += options.check_interval;
    feed.tick(now);
    return commands();
  };
  live({{"p", 8}, {"q", 8}});
  members.clear();
  ask(1, {{"p", 9}}, "e1", 9);
  commands();
  read({broken("p", 8)});
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[] broken"));
  EXPECT_THAT(check(), ElementsAre("read p q"));
  read({broken("p", 8), top("q", 8)});
  EXPECT_THAT(commands(), IsEmpty());
  EXPECT_THAT(check(), ElementsAre("read p")) << "once an interval";
  read({top("p", 8)});
  EXPECT_THAT(feed.broken(), IsEmpty());
  EXPECT_THAT(check(), IsEmpty());
}

TEST_F(FeedTest, ABrokenProgramIsForgottenThoughTheSubscriptionWasLostMeanwhile) {
  ask(1, {{"p", after_everything}});
  feed.subscribed("p");
  commands();
  read({broken("p", 8)});
  commands();
  feed.lost();
  now += options.check_interval;
  feed.tick(now);
  EXPECT_THAT(commands(), IsEmpty()) << "not before it is subscribed";
  feed.subscribed("p");
  EXPECT_THAT(commands(), IsEmpty());
  now += options.check_interval;
  feed.tick(now);
  EXPECT_THAT(commands(), ElementsAre("read p"));
  read({top("p", 8)});
  EXPECT_THAT(feed.broken(), IsEmpty());
}

TEST_F(FeedTest, AProgramThatIsLetGoOfIsNotBrokenAnyMore) {
  ask(1, {{"p", after_everything}});
  feed.subscribed("p");
  commands();
  read({broken("p", 8)});
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[] broken")) << "nobody to close";
  EXPECT_EQ(feed.broken().size(), 1U);
  now += options.check_interval;
  feed.tick(now);
  commands();
  read({broken("p", 8)});
  now += options.ring.age_max;
  feed.tick(now);
  EXPECT_THAT(commands(), ElementsAre("unsubscribe p"));
  EXPECT_THAT(feed.broken(), IsEmpty());
}

}  // namespace
}  // namespace crier::gateway
