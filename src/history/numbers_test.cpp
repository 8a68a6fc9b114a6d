#include "history/numbers.hpp"

#include <gtest/gtest.h>
#include <set>
#include <string>

namespace crier::history {
namespace {

TEST(NextGid, FollowsTheClockOrTheNextMillisecondThatNoEventHas) {
  struct Case {
    const char* name;
    Gid last;
    WallTime clock;
    Gid next;
  };
  const Case cases[] = {
      {"no event yet", 0, 5'000'123, 5'000'124},
      {"an even microsecond", 0, 5'000'124, 5'000'124},
      {"the last microsecond of a millisecond", 5'000'000, 5'001'999, 5'002'000},
      {"an earlier millisecond", 5'000'999, 5'001'000, 5'001'000},
      {"the same millisecond", 5'000'123, 5'000'124, 5'001'000},
      {"the same microsecond", 5'000'123, 5'000'123, 5'001'000},
      {"already ahead", 5'007'000, 5'000'123, 5'008'000},
      {"the last millisecond within the second", 5'998'000, 5'000'001, 5'999'000},
      {"exactly a second ahead is too far", 5'999'000, 5'000'000, 5'999'001},
      {"just under a second ahead", 5'999'000, 5'000'001, 6'000'000},
      {"a second ahead", 6'000'000, 5'000'500, 6'000'001},
      {"two of a millisecond", 6'000'001, 5'000'500, 6'000'003},
      {"a whole millisecond", 6'000'999, 5'000'500, 6'001'001},
      {"the clock stepped back an hour", 9'000'000'000, 5'400'000'000, 9'000'000'001},
      {"a clock before 1970", 0, -7, 1'000},
      {"a clock at 0", 0, 0, 1'000},
  };
  for (const Case& c : cases) EXPECT_EQ(next_gid(c.last, c.clock), c.next) << c.name;
}

TEST(NextGid, IsEvenIfItIsTheFirstOfItsMillisecond) {
  Random random = Random::seeded(1);
  Gid last = 0;
  std::set<Gid> used;
  WallTime clock = 1'700'000'000'000'000;
  for (int i = 0; i < 50'000; ++i) {
    clock += static_cast<WallTime>(random.number() % 2'000) - (i % 5'000 == 0 ? 3'000'000 : 0);
    if (i % 20'000 > 10'000) clock -= 900;
    last = next_gid(last, clock);
    const bool is_first = used.insert(last / 1000).second;
    ASSERT_TRUE(is_first || !is_first_of_millisecond(last)) << last;
  }
}

TEST(NextGid, GivesEachEventItsOwnMillisecondAtOrdinaryRates) {
  Gid last = 0;
  for (WallTime clock = 1'700'000'000'000'000; clock < 1'700'000'001'000'000; clock += 1'500) {
    const Gid next = next_gid(last, clock);
    EXPECT_GT(milliseconds(next), milliseconds(last));
    EXPECT_LE(milliseconds(next), clock / 1000 + 1);
    last = next;
  }
}

TEST(NextGid, IncreasesWhateverTheClockDoes) {
  Gid last = 0;
  WallTime clock = 1'700'000'000'000'000;
  for (int i = 0; i < 5000; ++i) {
    clock += (i % 7 == 0) ? -2'000'000 : 900;
    const Gid next = next_gid(last, clock);
    EXPECT_GT(next, last);
    last = next;
  }
}

TEST(EventId, ComesBack) {
  const std::string id = event_id("aB3-_x9Z", 1'700'000'000'123'456);
  EXPECT_EQ(id, "aB3-_x9Z.1700000000123456");
  const auto parsed = parse_event_id(id);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->epoch, "aB3-_x9Z");
  EXPECT_EQ(parsed->gid, 1'700'000'000'123'456U);
}

TEST(EventId, MayBeTheBeginning) {
  ASSERT_TRUE(parse_event_id("aB3-_x9Z.0").has_value());
  EXPECT_EQ(parse_event_id("aB3-_x9Z.0")->gid, 0U);
}

TEST(EventId, RefusesAnythingElse) {
  const std::string cases[] = {
      "",
      ".",
      "aB3-_x9Z",
      "aB3-_x9Z.",
      "aB3-_x9.1",
      "aB3-_x9ZZ.1",
      "aB3-_x+Z.1",
      "aB3-_x=Z.1",
      "aB3-_x9Z:1",
      "aB3-_x9Z.1.2",
      "aB3-_x9Z.-1",
      "aB3-_x9Z.+1",
      "aB3-_x9Z. 1",
      "aB3-_x9Z.1 ",
      "aB3-_x9Z.01",
      "aB3-_x9Z.1e3",
      "aB3-_x9Z.0x1",
      "aB3-_x9Z.9007199254740992",
      "aB3-_x9Z.99999999999999999999999",
      std::string("aB3-_x9Z.1\0", 11),
      std::string("aB3-\0x9Z.1", 10),
  };
  for (const std::string& text : cases) EXPECT_FALSE(parse_event_id(text).has_value()) << text;
}

TEST(EventId, TakesTheGreatestNumber) {
  ASSERT_TRUE(parse_event_id("aB3-_x9Z.9007199254740991").has_value());
}

TEST(Epoch, IsDrawnAfresh) {
  Random random = Random::seeded(1);
  const Epoch first = new_epoch(random);
  EXPECT_TRUE(is_epoch(first)) << first;
  EXPECT_NE(first, new_epoch(random));
}

}  // namespace
}  // namespace crier::history
