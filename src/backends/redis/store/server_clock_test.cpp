#include "backends/redis/store/server_clock.hpp"

#include <gtest/gtest.h>

namespace crier::redis {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

TEST(RedisServerClock, GoesOnFromWhatItWasTold) {
  ServerClock clock;
  TimePoint now{seconds(100)};
  EXPECT_FALSE(clock.at(now).has_value());
  clock.told(5'000'000, now);
  EXPECT_EQ(clock.at(now), 5'000'000U);
  EXPECT_EQ(clock.at(now + microseconds(7)), 5'000'007U);
  EXPECT_EQ(clock.at(now + seconds(3600)), 3'605'000'000U);
  EXPECT_EQ(clock.at(now - seconds(1)), 5'000'000U);
  clock.told(4'000'000, now + seconds(5));
  EXPECT_EQ(clock.at(now + seconds(6)), 5'000'000U) << "the server's clock has stepped back";
}

TEST(RedisServerClock, IsOffByWhatTheWayThereAndBackDoesNotExplain) {
  EXPECT_EQ(clock_offset(100, 200, 100), microseconds(0));
  EXPECT_EQ(clock_offset(100, 200, 200), microseconds(0));
  EXPECT_EQ(clock_offset(100, 200, 99), microseconds(-1));
  EXPECT_EQ(clock_offset(100, 200, 201), microseconds(1));
}

}  // namespace
}  // namespace crier::redis
