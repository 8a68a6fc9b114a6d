// Programs that were read at different times, by a feed that may be deaf.

#include "gateway/feed_fixture.hpp"

namespace crier::gateway {
namespace {

using testing::ElementsAre;

TEST_F(FeedTest, ADeafNodeDoesNotMixWhatItKnewWithWhatItHasReadForOthers) {
  live({{"p", 8}});
  ask(1, {{"q", 5}}, "e1", 5);
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("subscribe q", "read q>0"));
  read({kept("q", {6, 20})});
  EXPECT_THAT(commands(), ElementsAre("answer 1 q:20[6 20]"));
  ask(2, {{"p", 8}, {"q", 6}}, "e1", 8);
  EXPECT_THAT(commands(), ElementsAre("read p q")) << "of p nothing is known since 8";
  read({top("p", 15), top("q", 20)});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p deaf", "listen again"));
}

TEST_F(FeedTest, WhatWasReadForOthersIsComparedOnceForAllWhoAsk) {
  live({{"p", 8}});
  live({{"q", 20}});
  ask(1, {{"p", 8}, {"q", 20}}, "e1", 20);
  ask(2, {{"p", 8}, {"q", 20}}, "e1", 20);
  EXPECT_THAT(commands(), ElementsAre("read p q"));
  read({top("p", 8), top("q", 20)});
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[] q:20[]", "answer 2 p:8[] q:20[]"));
  ask(3, {{"p", 8}, {"q", 20}}, "e1", 20);
  EXPECT_THAT(commands(), ElementsAre("answer 3 p:8[] q:20[]"));
}

TEST_F(FeedTest, WhoHasHeardBeyondWhatItReadNeedsNoComparison) {
  live({{"p", 8}});
  live({{"q", 20}});
  hear("p", 22, 8);
  commands();
  ask(1, {{"p", 8}, {"q", 20}}, "e1", 20);
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:22[22] q:20[]"));
}

TEST_F(FeedTest, AReadThatKnewOfALaterNumberThanWhatOthersReadNeedsNoComparison) {
  ask(1, {{"p", after_everything}});
  feed.subscribed("p");
  commands();
  read({top("p", 8)}, "e1", 0, 30, 20);
  ask(2, {{"q", after_everything}});
  feed.subscribed("q");
  commands();
  read({top("q", 20)}, "e1", 0, 30, 20);
  commands();
  ask(3, {{"p", 8}, {"q", 20}}, "e1", 20);
  EXPECT_THAT(commands(), ElementsAre("answer 3 p:8[] q:20[]"));
}

TEST_F(FeedTest, ADeafNodeDoesNotMixWhatItHasReadAgainAtDifferentTimes) {
  live({{"p", 8}, {"q", 7}});
  feed.lost();
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  read({top("p", 8)});
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("read q>7"));
  read({kept("q", {20}, 7)});
  EXPECT_THAT(commands(), ElementsAre("read p>8 q>7")) << "of p nothing is known since 8";
  read({kept("p", {15}, 8), kept("q", {20}, 7)});
  EXPECT_THAT(commands(), ElementsAre("deliver p 15", "deliver q 20"));
}

TEST_F(FeedTest, WhatIsReadAtDifferentTimesIsNotReadOnceMoreWhenThatMuchHasBeenHeard) {
  live({{"p", 8}, {"q", 7}});
  feed.lost();
  feed.subscribed("p");
  commands();
  read({top("p", 8)});
  feed.subscribed("q");
  commands();
  answers_probes = false;
  read({kept("q", {20}, 7)});
  hear("p", 21, 8);
  feed.probed(true);
  EXPECT_THAT(commands(), ElementsAre("probe", "deliver q 20", "deliver p 21"));
}

TEST_F(FeedTest, MoreProgramsThanOneReadHoldsAreNotReadOnceMore) {
  std::vector<std::pair<std::string, Gid>> programs;
  std::vector<Kept> most;
  for (char name = 'a'; name < 'a' + 9; ++name) programs.emplace_back(std::string(1, name), 8);
  live(programs);
  for (std::size_t i = 1; i < programs.size(); ++i)
    most.push_back(kept(programs[i].first, {20}, 8));
  feed.lost();
  for (const auto& [name, gid] : programs) feed.subscribed(name);
  EXPECT_THAT(commands(), ElementsAre("read a>8"));
  read({top("a", 8)});
  EXPECT_THAT(commands(), ElementsAre("read b>8 c>8 d>8 e>8 f>8 g>8 h>8 i>8"));
  read(std::move(most));
  EXPECT_EQ(commands().size(), 8U) << "events";
  EXPECT_FALSE(feed.stopped());
}

}  // namespace
}  // namespace crier::gateway
