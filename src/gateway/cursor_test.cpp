#include "gateway/cursor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

class CursorTest : public testing::Test {
 protected:
  Cursor read(const std::string& members) { return read_cursor("{" + members + "}", "u1", seal); }
  std::string pid_of(const std::string& user, std::optional<Basis> earlier = {}) const {
    const Pid pid{"sid", {"epochABC", 1000, {1500, {{"p", 3}}}}, "n0nc", std::move(earlier)};
    return "\"pid\":\"" + seal.seal(pid, user) + "\"";
  }
  static bool is_unreadable(const Cursor& cursor) {
    return std::holds_alternative<UnreadableCursor>(cursor.basis);
  }
  PidSeal seal{"secret"};
};

TEST_F(CursorTest, APidAndItsOffset) {
  const Cursor cursor = read(pid_of("u1") + ",\"offset\":\"epochABC.2000\"");
  ASSERT_TRUE(std::holds_alternative<Snapshot>(cursor.basis));
  EXPECT_EQ(std::get<Snapshot>(cursor.basis).gid, 2000U);
  EXPECT_EQ(cursor.sid, "sid");
  EXPECT_EQ(cursor.received, (history::EventId{"epochABC", 2000}));
}

TEST_F(CursorTest, ThePositionOfACatchupIsAnOffsetToo) {
  const Cursor cursor = read(pid_of("u1") + ",\"offset\":\"epochABC.2000.abcd\"");
  EXPECT_EQ(std::get<Snapshot>(cursor.basis).gid, 2000U);
  const Cursor by_id = read("\"lastEventId\":\"epochABC.2000.abcd\"");
  EXPECT_EQ(std::get<IdCursor>(by_id.basis).id.gid, 2000U);
  EXPECT_EQ(position_text({"epochABC", 2000}, "abcd"), "epochABC.2000.abcd");
}

TEST_F(CursorTest, AnOffsetThatIsAbsentForeignOrOldMeansThePidsStart) {
  for (const std::string offset :
       {"", ",\"offset\":\"other123.2000\"", ",\"offset\":null", ",\"offset\":\"epochABC.999\""}) {
    const Cursor cursor = read(pid_of("u1") + offset);
    ASSERT_TRUE(std::holds_alternative<Snapshot>(cursor.basis)) << offset;
    EXPECT_EQ(std::get<Snapshot>(cursor.basis).gid, 1000U) << offset;
  }
}

TEST_F(CursorTest, WhatAReplayLackedCountsForWhoHasReceivedSomeOfIt) {
  Pid pid{"sid", {"epochABC", 1000, {1500, {}}}, "n0nc", IdCursor{{"epochABC", 77}}, {"a"}};
  const std::string text = "\"pid\":\"" + seal.seal(pid, "u1") + "\",\"offset\":\"epochABC.";
  EXPECT_THAT(read(text + "1200\"").gaps, testing::ElementsAre("a"));
  EXPECT_THAT(read(text + "1000\"").gaps, testing::ElementsAre("a")) << "by an earlier replay";
  EXPECT_THAT(read(text + "78\"").gaps, testing::ElementsAre("a"));
  EXPECT_THAT(read(text + "77\"").gaps, testing::IsEmpty());
  EXPECT_THAT(read(text + "1500.n0nc\"").gaps, testing::IsEmpty()) << "it was heard";
  EXPECT_FALSE(read(text + "1200\"").gaps_unnamed);
  pid.gaps.assign(100, std::string(100, 'p'));  // no room for names
  const std::string unnamed = "\"pid\":\"" + seal.seal(pid, "u1") + "\",\"offset\":\"epochABC.";
  EXPECT_TRUE(read(unnamed + "1200\"").gaps_unnamed);
  EXPECT_FALSE(read(unnamed + "77\"").gaps_unnamed);
}

TEST_F(CursorTest, WhatAReplayLackedCountsFromWhereTheVerdictBegins) {
  const auto gaps = [this](Basis earlier, const std::string& offset) {
    const Pid pid{"sid", {"epochABC", 9'000, {9'500, {}}}, "n0nc", std::move(earlier), {"a"}};
    return read("\"pid\":\"" + seal.seal(pid, "u1") + "\",\"offset\":\"epochABC." + offset + '"')
        .gaps;
  };
  EXPECT_THAT(gaps(Snapshot{"epochABC", 77, {}}, "77"), testing::IsEmpty());
  EXPECT_THAT(gaps(Snapshot{"epochABC", 77, {}}, "78"), testing::ElementsAre("a"));
  EXPECT_THAT(gaps(Snapshot{"other123", 77, {}}, "9000"), testing::IsEmpty()) << "no such number";
  EXPECT_THAT(gaps(Snapshot{"other123", 77, {}}, "9001"), testing::ElementsAre("a"));
  EXPECT_THAT(gaps(TimestampCursor{5}, "5000"), testing::IsEmpty());
  EXPECT_THAT(gaps(TimestampCursor{5}, "5001"), testing::ElementsAre("a"));
  EXPECT_THAT(gaps(UnreadableCursor{}, "9000"), testing::IsEmpty());
}

TEST_F(CursorTest, WhateverCannotBeReadIsACursorAllTheSame) {
  for (const std::string& members : {pid_of("u2"),
                                     pid_of("u1") + ",\"offset\":\"hello\"",
                                     pid_of("u1") + ",\"offset\":7",
                                     pid_of("u1") + ",\"offset\":\"epochABC.1.abcde\"",
                                     std::string("\"pid\":\"junk\",\"offset\":\"x\""),
                                     std::string("\"pid\":7"),
                                     std::string("\"pid\":true"),
                                     std::string("\"lastEventId\":\"x\""),
                                     std::string("\"lastEventId\":\"epochABC.1.abcde\""),
                                     std::string("\"lastEventId\":{}"),
                                     std::string("\"lastEventId\":[1]"),
                                     std::string("\"lastEventTimestamp\":\"yesterday\""),
                                     std::string("\"lastEventTimestamp\":-1"),
                                     std::string("\"lastEventTimestamp\":1e999"),
                                     std::string("\"lastEventTimestamp\":true"),
                                     std::string("\"lastEventTimestamp\":\"12x\""),
                                     std::string("\"lastEventTimestamp\":8640000000000001"),
                                     std::string("\"lastEventTimestamp\":\"2026-11-24T06:49:00\""),
                                     std::string("\"lastEventTimestamp\":\"1969-12-31T23:59:59Z\""),
                                     std::string("\"session\":7"),
                                     "\"session\":\"" + std::string(129, 's') + "\""}) {
    EXPECT_TRUE(is_unreadable(read(members))) << members;
  }
}

TEST_F(CursorTest, OnlyAbsentNullEmptyAndZeroMeanThatNothingIsStated) {
  for (const std::string name : {"pid", "lastEventId", "lastEventTimestamp", "session"}) {
    for (const std::string value : {"null", "\"\"", "0", "0.0", "-0", "0e7", "1e-999"}) {
      const Cursor cursor = read("\"" + name + "\":" + value);
      EXPECT_FALSE(cursor.is_stated()) << name << value;
      EXPECT_TRUE(cursor.session.empty()) << name << value;
    }
  }
  EXPECT_FALSE(read("\"token\":\"t\"").is_stated());
  EXPECT_FALSE(read("\"lastEventTimestamp\":\"0\"").is_stated());
}

TEST_F(CursorTest, ExactlyOneCounts) {
  const std::string id = "\"lastEventId\":\"epochABC.5\"";
  const std::string time = "\"lastEventTimestamp\":6";
  EXPECT_TRUE(std::holds_alternative<Snapshot>(read(pid_of("u1") + "," + id + "," + time).basis));
  const Cursor by_id = read("\"pid\":\"junk\"," + id + "," + time);
  ASSERT_TRUE(std::holds_alternative<IdCursor>(by_id.basis));
  EXPECT_EQ(std::get<IdCursor>(by_id.basis).id.gid, 5U);
  EXPECT_TRUE(std::holds_alternative<TimestampCursor>(read("\"lastEventId\":\"x\"," + time).basis));
}

TEST_F(CursorTest, ATimestampMayBeANumberTheSameAsTextOrATimeOfIso8601) {
  for (const std::string text : {"1700", "1700.9", "\"1700\"", "\"1970-01-01T00:00:01.700Z\"",
                                 "\"1970-01-01T02:00:01.7009+02:00\""}) {
    const Cursor cursor = read("\"lastEventTimestamp\":" + text);
    ASSERT_TRUE(std::holds_alternative<TimestampCursor>(cursor.basis)) << text;
    EXPECT_EQ(std::get<TimestampCursor>(cursor.basis).milliseconds, 1700) << text;
  }
  const Cursor first = read("\"lastEventTimestamp\":\"1970-01-01T00:00:00Z\"");
  EXPECT_EQ(first.basis, Basis(TimestampCursor{1})) << "nothing is before it";
}

// A verdict stands until it was heard.

TEST_F(CursorTest, VerdictsThatWereNotHeardAreStillAboutTheEarlierBasis) {
  const std::string pid = pid_of("u1", IdCursor{{"epochABC", 77}});
  for (const std::string offset :
       {"", ",\"offset\":\"epochABC.1499\"", ",\"offset\":\"epochABC.1500\"",
        ",\"offset\":\"epochABC.1500.othr\"", ",\"offset\":\"other123.1500.n0nc\""}) {
    const Cursor cursor = read(pid + offset);
    EXPECT_EQ(cursor.basis, Basis(IdCursor{{"epochABC", 77}})) << offset;
    ASSERT_TRUE(cursor.unheard) << offset;
    EXPECT_EQ(cursor.unheard->gid, 1000U) << offset;
    EXPECT_EQ(cursor.sid, "sid");
  }
}

TEST_F(CursorTest, WhatCameAfterTheVerdictsOrEndedThemShowsThatTheyWereHeard) {
  const std::string pid = pid_of("u1", NoCursor{});
  for (const std::string offset : {"1500.n0nc", "1501", "1501.othr"}) {
    const Cursor cursor = read(pid + ",\"offset\":\"epochABC." + offset + "\"");
    EXPECT_TRUE(std::holds_alternative<Snapshot>(cursor.basis)) << offset;
    EXPECT_FALSE(cursor.unheard) << offset;
  }
}

// The official client keeps its offset when it is given another pid.

TEST_F(CursorTest, TheOffsetOfAPidThatCannotBeOpenedIsStale) {
  for (const std::string beside : {"", ",\"lastEventId\":\"epochABC.5\"",
                                   ",\"lastEventTimestamp\":6", ",\"session\":\"device\""}) {
    const Cursor cursor = read(pid_of("u2") + ",\"offset\":\"epochABC.2000.othr\"" + beside);
    EXPECT_EQ(cursor.stale, (history::EventId{"epochABC", 2000})) << beside;
    EXPECT_TRUE(cursor.ended_unnamed) << "nobody knows the memberships that it knew" << beside;
  }
  EXPECT_FALSE(read(pid_of("u2")).stale);
  EXPECT_FALSE(read(pid_of("u2") + ",\"offset\":\"hello\"").stale);
  EXPECT_FALSE(read("\"offset\":\"epochABC.2000\"").stale);
  EXPECT_FALSE(read("\"lastEventId\":\"hello\"").ended_unnamed);
}

TEST_F(CursorTest, AStaleOffsetShowsNothingUntilItIsReplaced) {
  for (const history::Gid stale : {900U, 1200U, 1500U, 2000U}) {
    Pid pid{"sid", {"epochABC", 1000, {1500, {{"p", 3}}}}, "n0nc", UnreadableCursor{}};
    pid.stale = history::EventId{"epochABC", stale};
    const std::string text = "\"pid\":\"" + seal.seal(pid, "u1") + "\",\"offset\":\"epochABC.";
    for (const char* nonce : {"", ".othr"}) {
      const Cursor cursor = read(text + std::to_string(stale) + nonce + "\"");
      EXPECT_TRUE(is_unreadable(cursor)) << stale;
      EXPECT_EQ(cursor.received, pid.stale) << "nothing up to there comes after the reset";
      EXPECT_EQ(cursor.stale, pid.stale) << "the client still has it";
    }
    EXPECT_EQ(read(text + "1300\"").received->gid, 1300U) << "of the replay";
    EXPECT_FALSE(read(text + "1300\"").stale);
    for (const char* heard : {"1500.n0nc", "1501", "2001"}) {
      const Cursor cursor = read(text + heard + "\"");
      EXPECT_TRUE(std::holds_alternative<Snapshot>(cursor.basis)) << stale << heard;
    }
  }
}

TEST_F(CursorTest, AStaleOffsetIsReceivedOnlyWhereAllIsReset) {
  const std::string stale = pid_of("u2") + ",\"offset\":\"epochABC.2000\"";
  EXPECT_EQ(read(stale).received, (history::EventId{"epochABC", 2000}));
  EXPECT_EQ(read(stale + ",\"lastEventId\":\"epochABC.5\"").received,
            (history::EventId{"epochABC", 5}));
  EXPECT_FALSE(read(stale + ",\"lastEventTimestamp\":6").received);
  Pid pid{"sid", {"epochABC", 1000, {1500, {}}}, "n0nc", IdCursor{{"epochABC", 5}}};
  pid.stale = history::EventId{"epochABC", 2000};
  const std::string text = "\"pid\":\"" + seal.seal(pid, "u1") + "\",\"offset\":\"epochABC.";
  EXPECT_FALSE(read(text + "2000\"").received);
}

// Sessions.

TEST_F(CursorTest, ASessionStandsWhereTheStoreSays) {
  const Cursor cursor = read("\"session\":\"device 1\"");
  EXPECT_EQ(cursor.session, "device 1");
  EXPECT_FALSE(cursor.is_stated());
  const Pid pid{"", {"epochABC", 1000, {1500, {{"p", 3}}}}, "n0nc", {}};
  const Cursor placed = with_position(cursor, seal.seal(pid, "u1"), "u1", seal);
  EXPECT_EQ(placed.basis, Basis(pid.here));
  EXPECT_TRUE(placed.sid.empty() && placed.pid.empty()) << "nothing is claimed or repeated";
  EXPECT_FALSE(with_position(cursor, "", "u1", seal).is_stated());
  EXPECT_TRUE(is_unreadable(with_position(cursor, "junk", "u1", seal)));
  EXPECT_TRUE(with_position(cursor, "junk", "u1", seal).ended_unnamed);
}

TEST_F(CursorTest, APositionOfASessionIsNoPid) {
  const Pid pid{"", {"epochABC", 1000, {1500, {{"p", 3}}}}, "n0nc", {}};
  EXPECT_TRUE(is_unreadable(read("\"pid\":\"" + seal.seal(pid, "u1") + "\"")));
}

}  // namespace
}  // namespace crier::gateway
