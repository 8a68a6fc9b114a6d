#include "deliveries.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <string>

namespace {

using load::Deliveries;

std::string event(std::int64_t stamp, const std::string& before = "") {
  return R"(42["e",{)" + before + R"("now":")" + std::to_string(stamp) + R"("}])";
}

class DeliveriesTest : public ::testing::Test {
 protected:
  std::unique_ptr<Deliveries> stamped_ = std::make_unique<Deliveries>(true);
  std::unique_ptr<Deliveries> unstamped_ = std::make_unique<Deliveries>(false);
};

TEST_F(DeliveriesTest, FindTheStampWhereverItIs) {
  load::Stamp stamp;
  EXPECT_EQ(stamp.in(event(123)), 123);
  EXPECT_EQ(stamp.in(event(456, R"("id":"x",)")), 456);
  EXPECT_EQ(stamp.in(event(789)), 789);
  EXPECT_EQ(stamp.in(R"(42["e",{"now":""}])"), 0);
  EXPECT_EQ(stamp.in(R"(42["e"])"), 0);
  EXPECT_EQ(stamp.in(R"(42["e","now":"55)"), 55);
}

TEST_F(DeliveriesTest, EndABroadcastWhenEverybodyHasIt) {
  stamped_->expect(2, 0);
  const std::int64_t one = stamped_->begin(1000);
  const std::int64_t two = stamped_->begin(1000);
  EXPECT_NE(one, two);
  stamped_->event(event(one), 2000);
  stamped_->event(event(two), 2500);
  EXPECT_EQ(stamped_->under_way(), 2);
  stamped_->event(event(two), 4000);
  EXPECT_EQ(stamped_->under_way(), 1);
  EXPECT_EQ(stamped_->whole.count(), 1);
  EXPECT_EQ(stamped_->whole.most(), static_cast<double>(4000 - two));
  EXPECT_EQ(stamped_->count, 3);
  EXPECT_EQ(stamped_->latency.count(), 3);
}

TEST_F(DeliveriesTest, DoNotCountWhatNobodyPublished) {
  const std::string catchup =
      R"(["catchup",{"recovered":false,"programs":{"p":"joined"}},"e.1.a"])";
  stamped_->event("42" + catchup, 1);
  EXPECT_EQ(stamped_->count, 0);
  EXPECT_EQ(stamped_->others, 1);
  unstamped_->event(R"(42["e"])", 1);
  unstamped_->event("42" + catchup, 1);
  unstamped_->event("42/chat," + catchup, 1);
  unstamped_->event(R"(42["e",["catchup"]])", 1);
  EXPECT_EQ(unstamped_->count, 2);
  EXPECT_EQ(unstamped_->others, 2);
}

TEST_F(DeliveriesTest, EndABroadcastWhenTheLastThatLackedItHasGone) {
  stamped_->expect(2, 0);
  const std::int64_t stamp = stamped_->begin(1000);
  stamped_->event(event(stamp), 2000);
  stamped_->expect(1, 3000);
  EXPECT_EQ(stamped_->under_way(), 0);
}

TEST_F(DeliveriesTest, EndUnstampedBroadcastsInTheirOrder) {
  unstamped_->expect(2, 0);
  EXPECT_EQ(unstamped_->begin(1000), 1000);
  unstamped_->begin(1100);
  for (int i = 0; i < 3; ++i) unstamped_->event(R"(42["e"])", 0);
  unstamped_->end_unstamped(5000);
  EXPECT_EQ(unstamped_->under_way(), 1);
  EXPECT_EQ(unstamped_->whole.most(), 4000);
  unstamped_->clear();
  unstamped_->event(R"(42["e"])", 0);
  unstamped_->end_unstamped(6000);
  EXPECT_EQ(unstamped_->under_way(), 0);
}

TEST_F(DeliveriesTest, ForgetWhatIsCancelledAndGiveUpWhatIsOld) {
  stamped_->expect(1, 0);
  const std::int64_t refused = stamped_->begin(1000);
  stamped_->cancel(refused);
  stamped_->cancel(refused);
  EXPECT_EQ(stamped_->under_way(), 0);
  stamped_->begin(2000);
  stamped_->begin(3000);
  EXPECT_EQ(stamped_->give_up(3000), 1);
  EXPECT_EQ(stamped_->under_way(), 1);
}

TEST_F(DeliveriesTest, FindAPlaceForManyAndLetTheOldestGoBeyondThat) {
  stamped_->expect(1, 0);
  for (int i = 0; i < 5000; ++i) stamped_->begin(1'000'000);
  EXPECT_EQ(stamped_->under_way(), 4096);
  EXPECT_EQ(stamped_->overrun, 5000 - 4096);
}

}  // namespace
