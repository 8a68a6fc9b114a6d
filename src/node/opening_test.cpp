#include "node/opening.hpp"

#include <gtest/gtest.h>

namespace crier::node {
namespace {

class OpeningTest : public testing::Test {
 protected:
  web::Worker worker{{}, {}};
  bool answered = false;
  int opened = 0;
  Opening opening{worker, [this] { return answered; }, [this] { ++opened; }};
};

TEST_F(OpeningTest, OpensAtTheEndOfTheTurnInWhichTheHistoryAnswered) {
  opening.begin(std::chrono::seconds(5));
  opening.turn_end();
  EXPECT_EQ(opened, 0);
  answered = true;
  opening.turn_end();
  opening.turn_end();
  EXPECT_EQ(opened, 1);
  EXPECT_EQ(opening.deadline(), never);
}

TEST_F(OpeningTest, OpensAtTheDeadlineWithoutAnAnswer) {
  const TimePoint begun = worker.now();
  opening.begin(std::chrono::seconds(5));
  EXPECT_GE(opening.deadline(), begun + std::chrono::seconds(5));
  opening.tick(opening.deadline());
  EXPECT_EQ(opened, 1);
  EXPECT_EQ(opening.deadline(), never);
  answered = true;
  opening.turn_end();
  EXPECT_EQ(opened, 1);
}

TEST_F(OpeningTest, DoesNothingUnlessItWasBegun) {
  answered = true;
  opening.turn_end();
  EXPECT_EQ(opened, 0);
}

}  // namespace
}  // namespace crier::node
