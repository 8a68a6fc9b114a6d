#include "base/label_counts.hpp"

#include <gtest/gtest.h>

namespace crier {
namespace {

TEST(LabelCounts, CountEachLabelAlone) {
  LabelCounts counts;
  EXPECT_EQ(counts.of("ping timeout"), 0U);
  counts.add("ping timeout");
  counts.add("ping timeout");
  counts.add("transport close");
  EXPECT_EQ(counts.of("ping timeout"), 2U);
  EXPECT_EQ(counts.of("transport close"), 1U);
  EXPECT_EQ(counts.of("transport"), 0U);
}

TEST(LabelCounts, AreSummedByLabel) {
  LabelCounts some;
  some.add("a");
  LabelCounts more;
  more.add("a");
  more.add("b");
  some += more;
  EXPECT_EQ(some.of("a"), 2U);
  EXPECT_EQ(some.of("b"), 1U);
  EXPECT_EQ(more.of("a"), 1U);
}

}  // namespace
}  // namespace crier
