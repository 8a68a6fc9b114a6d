#include "base/token_bucket.hpp"

#include <gtest/gtest.h>
#include <limits>

namespace crier {
namespace {

using std::chrono::microseconds;

/// How many of `tries` pass at `now`.
int passing(TokenBucket& bucket, TimePoint now, int tries = 1'000) {
  int passed = 0;
  for (int i = 0; i < tries; ++i) passed += bucket.take(now) ? 1 : 0;
  return passed;
}

TEST(TokenBucket, LetsABurstPassAndNotOneMore) {
  TokenBucket bucket(1, 5, TimePoint{});
  EXPECT_EQ(passing(bucket, TimePoint{}, 5), 5);
  EXPECT_FALSE(bucket.take(TimePoint{}));
}

TEST(TokenBucket, LetsTheNextPassWhenItsTimeHasComeAndNotBefore) {
  struct Case {
    std::uint32_t per_second;
    std::int64_t wait;  ///< Microseconds to the next token.
  };
  for (const auto& [per_second, wait] : {Case{1, 1'000'000}, Case{3, 333'334}, Case{7, 142'858},
                                         Case{1'000, 1'000}, Case{1'000'000, 1}}) {
    TokenBucket bucket(per_second, 1, TimePoint{});
    ASSERT_TRUE(bucket.take(TimePoint{}));
    EXPECT_FALSE(bucket.take(TimePoint{microseconds(wait - 1)})) << per_second;
    EXPECT_TRUE(bucket.take(TimePoint{microseconds(wait)})) << per_second;
    EXPECT_FALSE(bucket.take(TimePoint{microseconds(wait)})) << per_second;
  }
}

TEST(TokenBucket, KeepsToTheRateInTheLongRunHoweverOftenItIsAsked) {
  for (const int step : {1, 7, 999, 10'007, 333'333}) {
    TokenBucket bucket(30, 2, TimePoint{});
    int passed = passing(bucket, TimePoint{});
    for (int at = step; at <= 10'000'000; at += step) {
      passed += passing(bucket, TimePoint{microseconds(at)}, 3);
    }
    // Where more than the burst comes between two questions, the rest is lost.
    EXPECT_LE(passed, 302) << step;
    if (step < 66'666) {
      EXPECT_GE(passed, 301) << step;
    }
  }
}

TEST(TokenBucket, FillsNoFurtherThanItsBurst) {
  for (const std::int64_t years : {1, 100, 10'000}) {
    TokenBucket bucket(1'000'000'000, 3, TimePoint{});
    passing(bucket, TimePoint{});
    EXPECT_EQ(passing(bucket, TimePoint{std::chrono::hours(years * 24 * 365)}), 3);
  }
}

TEST(TokenBucket, BringsNothingWhenTimeStandsStillOrGoesBackwards) {
  TokenBucket bucket(1'000, 1, TimePoint{microseconds(5'000)});
  EXPECT_TRUE(bucket.take(TimePoint{microseconds(5'000)}));
  EXPECT_FALSE(bucket.take(TimePoint{microseconds(1'000)}));
  EXPECT_FALSE(bucket.take(TimePoint{microseconds(5'999)}));
  EXPECT_TRUE(bucket.take(TimePoint{microseconds(6'000)}));
}

TEST(TokenBucket, TakesTheGreatestNumbers) {
  constexpr auto most = std::numeric_limits<std::uint32_t>::max();
  TokenBucket bucket(most, most, TimePoint{});
  EXPECT_EQ(passing(bucket, TimePoint{}), 1'000);
  EXPECT_EQ(passing(bucket, never), 1'000);
}

}  // namespace
}  // namespace crier
