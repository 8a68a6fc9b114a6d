#include "gateway/cursor.hpp"

#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

class CursorTest : public testing::Test {
 protected:
  Cursor read(const std::string& members) { return read_cursor("{" + members + "}", "u1", seal); }
  std::string pid_of(const std::string& user) const {
    return "\"pid\":\"" + seal.seal({user, "sid", "epochABC", 1000, {{"p", 3, 0}}}) + "\"";
  }
  PidSeal seal{"secret"};
};

TEST_F(CursorTest, APidAndItsOffset) {
  const Cursor cursor = read(pid_of("u1") + ",\"offset\":\"epochABC.2000\"");
  ASSERT_TRUE(std::holds_alternative<PidCursor>(cursor));
  EXPECT_EQ(std::get<PidCursor>(cursor).gid, 2000U);
  EXPECT_EQ(std::get<PidCursor>(cursor).pid.sid, "sid");
}

TEST_F(CursorTest, AnOffsetThatIsAbsentForeignOrOldMeansThePidsStart) {
  for (const std::string offset : {"", ",\"offset\":\"other123.2000\"", ",\"offset\":\"hello\"",
                                   ",\"offset\":7", ",\"offset\":\"epochABC.999\""}) {
    const Cursor cursor = read(pid_of("u1") + offset);
    ASSERT_TRUE(std::holds_alternative<PidCursor>(cursor)) << offset;
    EXPECT_EQ(std::get<PidCursor>(cursor).gid, 1000U) << offset;
  }
}

TEST_F(CursorTest, ThePidOfAnotherUserCountsForNothing) {
  EXPECT_TRUE(std::holds_alternative<NoCursor>(read(pid_of("u2"))));
  EXPECT_TRUE(std::holds_alternative<NoCursor>(read("\"pid\":\"junk\",\"offset\":\"x\"")));
}

TEST_F(CursorTest, ExactlyOneCounts) {
  const std::string id = "\"lastEventId\":\"epochABC.5\"";
  const std::string time = "\"lastEventTimestamp\":6";
  EXPECT_TRUE(std::holds_alternative<PidCursor>(read(pid_of("u1") + "," + id + "," + time)));
  const Cursor by_id = read(id + "," + time);
  ASSERT_TRUE(std::holds_alternative<IdCursor>(by_id));
  EXPECT_EQ(std::get<IdCursor>(by_id).id.gid, 5U);
  EXPECT_TRUE(std::holds_alternative<TimestampCursor>(read("\"lastEventId\":\"x\"," + time)));
  EXPECT_TRUE(std::holds_alternative<NoCursor>(read("\"token\":\"t\"")));
}

TEST_F(CursorTest, ATimestampMayBeANumberOrAStringOfOne) {
  for (const std::string text : {"1700", "1700.9", "\"1700\""}) {
    const Cursor cursor = read("\"lastEventTimestamp\":" + text);
    ASSERT_TRUE(std::holds_alternative<TimestampCursor>(cursor)) << text;
    EXPECT_EQ(std::get<TimestampCursor>(cursor).milliseconds, 1700) << text;
  }
}

}  // namespace
}  // namespace crier::gateway
