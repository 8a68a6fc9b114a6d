#include "histogram.hpp"

#include <gtest/gtest.h>

namespace {

using load::Histogram;

TEST(Histogram, IsExactBelow128Nanoseconds) {
  Histogram histogram;
  for (int i = 1; i <= 100; ++i) histogram.record(i);
  EXPECT_EQ(histogram.quantile(0.5), 50);
  EXPECT_EQ(histogram.quantile(0.99), 99);
  EXPECT_EQ(histogram.quantile(1), 100);
}

TEST(Histogram, IsWithinOnePercentFromNanosecondsToAnHour) {
  for (double value = 1; value < 3.6e12; value *= 1.013) {
    Histogram histogram;
    const auto duration = static_cast<std::int64_t>(value);
    histogram.record(duration);
    histogram.record(INT64_MAX / 2);  // Else the longest would be the answer.
    EXPECT_NEAR(histogram.quantile(0.5), static_cast<double>(duration),
                static_cast<double>(duration) / 100);
  }
}

TEST(Histogram, KeepsTheLongestExactly) {
  Histogram histogram;
  histogram.record(123'456'789);
  histogram.record(5);
  EXPECT_EQ(histogram.most(), 123'456'789);
  EXPECT_LE(histogram.quantile(0.999), histogram.most());
}

TEST(Histogram, CountsWhatIsOutOfRangeAtItsEnds) {
  Histogram histogram;
  histogram.record(-7);
  histogram.record(INT64_MAX);
  EXPECT_EQ(histogram.count(), 2);
  EXPECT_EQ(histogram.quantile(0.5), 0);
  EXPECT_GT(histogram.quantile(1), 3.6e12);
}

TEST(Histogram, VisitsBucketsThatJoinAndHoldTheirValues) {
  Histogram histogram;
  for (const std::int64_t value : {127, 128, 255, 256, 257, 1'000'000}) histogram.record(value);
  std::uint64_t count = 0;
  double last = -1;
  histogram.each([&](double from, double to, std::uint64_t times) {
    EXPECT_GE(from, last);
    EXPECT_GT(to, from);
    last = to;
    count += times;
  });
  EXPECT_EQ(count, 6);
}

TEST(Histogram, IsEmptyAgainWhenCleared) {
  Histogram histogram;
  histogram.record(1000);
  histogram.clear();
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.quantile(0.99), 0);
  EXPECT_EQ(histogram.most(), 0);
}

}  // namespace
