#include "node/counters.hpp"

#include <gtest/gtest.h>

namespace crier::node {
namespace {

TEST(Counters, AreSummedOneByOne) {
  Counters some;
  some.publishes = 1;
  some.publishes_unrecoverable = 2;
  some.deliveries = 3;
  some.replayed = 4;
  some.client_events_dropped = 5;
  some.history_reads = 6;
  some.membership_reads = 7;
  some.deaf = 8;
  some.refusals.add("token_expired");
  some.publish_errors.add("bad_body");
  some.verdicts.add("gap");
  Counters sum;
  sum += some;
  sum += some;
  EXPECT_EQ(sum.publishes, 2U);
  EXPECT_EQ(sum.publishes_unrecoverable, 4U);
  EXPECT_EQ(sum.deliveries, 6U);
  EXPECT_EQ(sum.replayed, 8U);
  EXPECT_EQ(sum.client_events_dropped, 10U);
  EXPECT_EQ(sum.history_reads, 12U);
  EXPECT_EQ(sum.membership_reads, 14U);
  EXPECT_EQ(sum.deaf, 16U);
  EXPECT_EQ(sum.refusals.of("token_expired"), 2U);
  EXPECT_EQ(sum.publish_errors.of("bad_body"), 2U);
  EXPECT_EQ(sum.verdicts.of("gap"), 2U);
}

}  // namespace
}  // namespace crier::node
