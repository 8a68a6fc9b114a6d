#include "backends/redis/store/witness.hpp"

#include <gtest/gtest.h>

namespace crier::redis {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

class RedisWitness : public testing::Test {
 protected:
  void SetUp() override {
    witness.note("now");
    witness.begin(start);
  }
  void present(history::Gid gid, TimePoint at) { witness.present("now", gid, clock, at); }

  const TimePoint start{seconds(1000)};
  const history::Gid clock = 1'700'000'000'000'000;
  Witness witness;
};

TEST_F(RedisWitness, CountsForAMinuteOfAConnection) {
  present(5, start);
  EXPECT_EQ(witness.gid(), 5U);
  EXPECT_EQ(witness.epoch(), "now");
  present(6, start + Witness::counts_for);
  EXPECT_EQ(witness.gid(), 6U);
  present(7, start + Witness::counts_for + microseconds(1));
  EXPECT_EQ(witness.gid(), 6U);
  witness.end();
  EXPECT_EQ(witness.gid(), 0U);
  present(8, start);
  EXPECT_EQ(witness.gid(), 0U) << "between two connections";
  witness.begin(start + seconds(3600));
  present(9, start + seconds(3601));
  EXPECT_EQ(witness.gid(), 9U);
}

TEST_F(RedisWitness, CountsOnlyForWhatMayHaveBeenNumbered) {
  present(clock + Witness::ahead_max + 1, start);
  EXPECT_EQ(witness.gid(), 0U);
  present(clock + Witness::ahead_max, start);
  EXPECT_EQ(witness.gid(), clock + Witness::ahead_max);
  witness.present("now", clock + Witness::ahead_max + 1, std::nullopt, start);
  EXPECT_EQ(witness.gid(), clock + Witness::ahead_max) << "no clock, no evidence";
  present(5, start);
  EXPECT_EQ(witness.gid(), clock + Witness::ahead_max) << "the greatest counts";
}

TEST_F(RedisWitness, SaysNothingOfAnotherEpoch) {
  witness.present("before", 5, clock, start);
  EXPECT_EQ(witness.epoch(), "");
}

TEST_F(RedisWitness, BeginsOneEpochAConnection) {
  present(5, start);
  witness.note("now");
  EXPECT_EQ(witness.gid(), 5U) << "it may have been answered before";
  witness.note("next");
  EXPECT_EQ(witness.epoch(), "");
  witness.present("next", 6, clock, start);
  EXPECT_EQ(witness.gid(), 0U);
  witness.begin(start);
  witness.present("next", 6, clock, start);
  EXPECT_EQ(witness.gid(), 6U);
}

TEST_F(RedisWitness, IsNotUsedUpByAnEpochThatBeganForAnotherReason) {
  Witness fresh;
  fresh.begin(start);
  fresh.present("old", 5, clock, start);
  EXPECT_EQ(fresh.epoch(), "old") << "nothing is known yet";
  fresh.note("now");
  EXPECT_EQ(fresh.epoch(), "");
  fresh.present("now", 6, clock, start);
  EXPECT_EQ(fresh.gid(), 6U);
}

}  // namespace
}  // namespace crier::redis
