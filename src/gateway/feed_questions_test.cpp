#include "gateway/feed_fixture.hpp"

namespace crier::gateway {
namespace {

using testing::ElementsAre;

TEST_F(FeedTest, OfNoProgramsIsAnsweredAtOnce) {
  ask(1, {});
  EXPECT_THAT(commands(), ElementsAre("answer 1"));
}

}  // namespace
}  // namespace crier::gateway
