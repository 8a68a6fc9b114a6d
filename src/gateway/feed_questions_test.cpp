#include "gateway/feed_fixture.hpp"

namespace crier::gateway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST_F(FeedTest, OfNoProgramsIsAnsweredAtOnce) {
  ask(1, {});
  EXPECT_THAT(commands(), ElementsAre("answer 1"));
}

TEST_F(FeedTest, WhoKnowsMoreOfItsProgramsThanIsKnownHereIsAnsweredByTheStore) {
  live({{"p", 8}, {"q", 20}});
  ask(1, {{"p", 8}}, "e1", 8);
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[]"));
  ask(2, {{"p", 15}}, "e1", 15);  // an event of p that was not heard, before the last of q
  EXPECT_THAT(commands(), ElementsAre("read p"));
  ask(3, {{"q", 20}}, "e1", 20);
  EXPECT_THAT(commands(), ElementsAre("answer 3 q:20[]"));
}

TEST_F(FeedTest, WhoGivesATimeLaterThanWhatIsKnownHereOfItsProgramsIsAnsweredByTheStore) {
  live({{"p", 8}, {"q", 20}});
  ask(1, {{"p", 8}}, "", 8);
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[]"));
  ask(2, {{"p", 15}}, "", 15);  // an event of p that was not heard, before the last of q
  EXPECT_THAT(commands(), ElementsAre("read p"));
  ask(3, {{"q", 20}}, "", 20);
  EXPECT_THAT(commands(), ElementsAre("answer 3 q:20[]"));
}

TEST_F(FeedTest, ABrokenProgramIsReadForThoseWhoAskAndOnceForAllOfThem) {
  ask(1, {{"p", after_everything}});
  feed.subscribed("p");
  commands();
  read({broken("p", 8)});
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[] broken"));
  hear("p", 9, 8);  // it was mended
  commands();
  ask(2, {{"p", 9}}, "e1", 9);
  EXPECT_THAT(commands(), ElementsAre("read p"));
  for (std::uint64_t question = 3; question <= 5; ++question) ask(question, {{"p", 9}}, "e1", 9);
  EXPECT_THAT(commands(), IsEmpty());
  read({broken("p", 9)});
  EXPECT_THAT(commands(), UnorderedElementsAre("answer 2 p:9[] broken", "read p"))
      << "what was read may be of before the others asked";
  read({top("p", 9)});
  EXPECT_THAT(commands(), ElementsAre("answer 3 p:9[]", "answer 4 p:9[]", "answer 5 p:9[]"));
  ask(6, {{"p", 9}}, "e1", 9);
  EXPECT_THAT(commands(), ElementsAre("answer 6 p:9[]"));
}

TEST_F(FeedTest, AProgramThatIsFoundBrokenByAnOlderReadIsReadOnceMore) {
  live({{"p", 8}});
  now += options.check_interval;
  feed.tick(now);
  EXPECT_THAT(commands(), ElementsAre("read p"));
  answers_probes = false;
  read({broken("p", 8)});
  EXPECT_THAT(commands(), ElementsAre("close p broken", "probe"));
  ask(1, {{"p", 8}}, "e1", 8);
  EXPECT_THAT(commands(), IsEmpty());
  feed.probed(true);
  EXPECT_THAT(commands(), ElementsAre("read p"));
  answers_probes = true;
  read({top("p", 8)});
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[]"));
}

}  // namespace
}  // namespace crier::gateway
