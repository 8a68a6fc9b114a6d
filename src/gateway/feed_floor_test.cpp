// Programs whose numbers the store has forgotten, or never had: what may be missing is not above
// the floor.

#include "gateway/feed_fixture.hpp"

namespace crier::gateway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

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

// The floor of a new epoch is above 0, and no event is.
TEST_F(FeedTest, AProgramThatNeverHadAnEventLacksNothing) {
  ask(1, {{"p", after_everything}});
  feed.subscribed("p");
  commands();
  read({top("p", 0)}, "e1", 20);
  commands();
  members.insert("p");
  for (int i = 0; i < 2; ++i) {
    feed.lost();
    feed.subscribed("p");
    EXPECT_THAT(commands(), ElementsAre("read p>0"));
    read({top("p", 0)}, "e1", 20);
    EXPECT_THAT(commands(), IsEmpty());
  }
}

TEST_F(FeedTest, OneThatWasReadButNotYetProbedLacksNothing) {
  ask(1, {{"p", after_everything}});
  feed.subscribed("p");
  commands();
  read({top("p", 0)}, "e1", 20);
  members.insert("p");
  feed.lost();
  feed.subscribed("p");
  feed.probed(true);
  commands();
  read({top("p", 0)}, "e1", 20);
  EXPECT_THAT(commands(), testing::Not(testing::Contains("close p gap")));
}

// Others' events were forgotten, and this program's own, while it was heard.
TEST_F(FeedTest, AQuietProgramLacksNothingThoughTheFloorRoseWhileItWasHeard) {
  live({{"p", 8}});
  now += options.check_interval;
  feed.tick(now);
  commands();
  read({top("p", 8)}, "e1", 20, 40, 30);
  commands();
  feed.lost();
  feed.subscribed("p");
  commands();
  read({top("p", 0)}, "e1", 25, 50, 40);
  EXPECT_THAT(commands(), IsEmpty()) << "up to 30 it has been heard";
  feed.lost();
  feed.subscribed("p");
  commands();
  read({top("p", 0)}, "e1", 41, 60, 45);
  EXPECT_THAT(commands(), ElementsAre("close p gap")) << "what was between 40 and 41?";
}

TEST_F(FeedTest, AProgramThatCountsFromTheBeginningAgainIsAGapForWhoKnewLess) {
  live({{"p", 8}});
  feed.lost();
  feed.subscribed("p");
  commands();
  read({kept("p", {30})}, "e1", 20);
  EXPECT_THAT(commands(), ElementsAre("close p gap"));
}

}  // namespace
}  // namespace crier::gateway
