#include "base/time.hpp"

#include <gtest/gtest.h>
#include <limits>

namespace crier {
namespace {

// Expected texts: new Date(milliseconds).toISOString() in Node 20.
TEST(Iso8601, WritesWhatToIsoStringWrites) {
  const struct {
    std::int64_t milliseconds;
    const char* text;
  } cases[] = {
      {0, "1970-01-01T00:00:00.000Z"},
      {1, "1970-01-01T00:00:00.001Z"},
      {-1, "1969-12-31T23:59:59.999Z"},
      {1795502940123, "2026-11-24T06:49:00.123Z"},
      {951782400000, "2000-02-29T00:00:00.000Z"},
      {4107542399999, "2100-02-28T23:59:59.999Z"},
      {4107542400000, "2100-03-01T00:00:00.000Z"},
      {-62135596800000, "0001-01-01T00:00:00.000Z"},
      {-62167219200000, "0000-01-01T00:00:00.000Z"},
      {-62167219200001, "-000001-12-31T23:59:59.999Z"},
      {253402300799999, "9999-12-31T23:59:59.999Z"},
      {253402300800000, "+010000-01-01T00:00:00.000Z"},
      {8640000000000000, "+275760-09-13T00:00:00.000Z"},
      {-8640000000000000, "-271821-04-20T00:00:00.000Z"},
  };
  for (const auto& c : cases) EXPECT_EQ(iso8601(c.milliseconds), c.text);
}

TEST(Iso8601, WritesEveryNumberOfMilliseconds) {
  EXPECT_EQ(iso8601(std::numeric_limits<std::int64_t>::max()), "+292278994-08-17T07:12:55.807Z");
  EXPECT_EQ(iso8601(std::numeric_limits<std::int64_t>::min()), "-292275055-05-16T16:47:04.192Z");
}

/// What parse_time() makes of a text; -1 for nothing.
WallTime parsed(std::string_view text) { return parse_time(text).value_or(-1); }

TEST(ParseTime, ReadsWhatIso8601Writes) {
  for (const std::int64_t milliseconds :
       {0L, 1L, 951782400000L, 1795502940123L, 4107542400000L, 253402300799999L}) {
    EXPECT_EQ(parsed(iso8601(milliseconds)), milliseconds * 1000);
  }
  EXPECT_EQ(parsed(iso8601(-62167219200000)), -62167219200000'000);
}

TEST(ParseTime, ReadsMilliseconds) {
  EXPECT_EQ(parsed("0"), 0);
  EXPECT_EQ(parsed("1795502940123"), 1795502940123'000);
  EXPECT_EQ(parsed("0001"), 1000);
  EXPECT_EQ(parsed("999999999999999"), 999999999999999'000);
  EXPECT_EQ(parsed("1000000000000000"), -1) << "16 digits";
}

TEST(ParseTime, ReadsZonesFractionsAndDates) {
  constexpr WallTime second = 1795502940'000'000;  // 2026-11-24T06:49:00Z
  for (const auto* text :
       {"2026-11-24T06:49:00Z", "2026-11-24t06:49:00z", "2026-11-24 06:49Z",
        "2026-11-24T06:49:00.0Z", "2026-11-24T06:49:00+00:00", "2026-11-24T07:49:00+01",
        "2026-11-24T07:49:00+0100", "2026-11-24T12:19+05:30", "2026-11-23T23:49:00-07:00",
        "2026-11-25T06:48:00+23:59"}) {
    EXPECT_EQ(parsed(text), second) << text;
  }
  EXPECT_EQ(parsed("2026-11-24T06:49:00.1Z"), second + 100'000);
  EXPECT_EQ(parsed("2026-11-24T06:49:00,123456Z"), second + 123'456);
  EXPECT_EQ(parsed("2026-11-24 06:49:00.123456789+00"), second + 123'456);
  EXPECT_EQ(parsed("2026-11-24"), 1795478400'000'000);
  EXPECT_EQ(parsed("2000-02-29"), 951782400'000'000);
}

TEST(ParseTime, RefusesWhatNamesNoTime) {
  for (const auto* text : {"",
                           " ",
                           "-1",
                           "+1",
                           "1.5",
                           "1e3",
                           "now",
                           "2026-",
                           "2026-11",
                           "2026-11-2",
                           "2026-13-01",
                           "2026-00-01",
                           "2026-11-31",
                           "1900-02-29",
                           "2026-11-24T",
                           "2026-11-24T06",
                           "2026-11-24T06:49",
                           "2026-11-24T06:49:00",
                           "2026-11-24T24:00:00Z",
                           "2026-11-24T06:60:00Z",
                           "2026-11-24T06:49:60Z",
                           "2026-11-24T06:49:00.Z",
                           "2026-11-24T6:49:00Z",
                           "2026-11-24T06:49:00ZZ",
                           "2026-11-24T06:49:00+",
                           "2026-11-24T06:49:00+1",
                           "2026-11-24T06:49:00+24",
                           "2026-11-24T06:49:00+01:60",
                           "2026-11-24T06:49:00+01:",
                           " 2026-11-24",
                           "2026-11-24 ",
                           "2026/11/24",
                           "+275760-09-13T00:00:00.000Z",
                           "20261124T064900Z1",
                           "2026-11-24T06:49:0/Z"}) {
    EXPECT_EQ(parsed(text), -1) << text;
  }
  EXPECT_EQ(parsed(std::string_view("2026-11-24\0", 11)), -1);
}

}  // namespace
}  // namespace crier
