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

}  // namespace
}  // namespace crier
