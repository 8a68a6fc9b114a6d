#include "history/verdict.hpp"

#include <gtest/gtest.h>

namespace crier::history {
namespace {

Record record(Gid gid, Gid prev, std::string_view body = "{}") {
  return {gid, 1, prev, Bytes(std::string(body))};
}

TEST(Verdict, WholeWhenNothingCameAfterTheCursor) {
  EXPECT_TRUE(is_whole({"p", 0, {}}, 0, 0));
  EXPECT_TRUE(is_whole({"p", 100, {}}, 100, 50));
  EXPECT_FALSE(is_whole({"p", 101, {}}, 100, 50));
}

TEST(Verdict, WholeWhenTheOldestRecordFollowsTheCursor) {
  EXPECT_TRUE(is_whole({"p", 300, {record(200, 100), record(300, 200)}}, 100, 0));
  EXPECT_TRUE(is_whole({"p", 300, {record(200, 90), record(300, 200)}}, 100, 0));
  EXPECT_FALSE(is_whole({"p", 300, {record(200, 101), record(300, 200)}}, 100, 0));
}

TEST(Verdict, AGapMarkerInTheRangeIsAGap) {
  EXPECT_FALSE(is_whole({"p", 300, {record(200, 100), record(300, 200, gap_marker)}}, 100, 0));
}

TEST(Verdict, NothingIsWholeBelowTheFloor) {
  EXPECT_FALSE(is_whole({"p", 0, {}}, 49, 50));
  EXPECT_TRUE(is_whole({"p", 0, {}}, 50, 50));
}

TEST(Verdict, AProgramWhoseEventsCannotBeKeptIsNeverWhole) {
  EXPECT_FALSE(is_whole({"p", 100, {}, true}, 100, 50));
  EXPECT_FALSE(is_whole({"p", 200, {record(200, 100)}, true}, 100, 50));
}

TEST(Verdict, HasTheNamesThatClientsSee) {
  EXPECT_EQ(to_string(Verdict::recovered), "recovered");
  EXPECT_EQ(to_string(Verdict::gap), "gap");
  EXPECT_EQ(to_string(Verdict::reset), "reset");
  EXPECT_EQ(to_string(Verdict::joined), "joined");
  EXPECT_EQ(to_string(Verdict::left), "left");
}

}  // namespace
}  // namespace crier::history
