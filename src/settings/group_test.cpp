// Texts to values and back, for each type that a setting may have.

#include "settings/group.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crier::settings {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

constexpr const char* no_number = "must be a whole number from 10 to 65535";
constexpr const char* not_a_duration =
    "must be a duration such as \"250ms\", \"25s\", \"5m\" or \"2h\"";

class GroupTest : public testing::Test {
 protected:
  Setting& last() { return all.back(); }
  std::string error_of(const std::string& text) {
    const auto read = last().read(text);
    return read ? "no error" : read.error();
  }

  std::vector<Setting> all;
  Group group{all, "section"};
};

TEST_F(GroupTest, ASettingHasWhatItWasDescribedWith) {
  std::uint16_t port = 80;
  group.number("key", port, {10, 65'535}, "A sentence.", "ALIAS");
  EXPECT_EQ(last().path(), "section.key");
  EXPECT_EQ(last().variable(), "CRIER_SECTION_KEY");
  EXPECT_EQ(last().meaning, "A sentence.");
  EXPECT_EQ(last().alias, "ALIAS");
  EXPECT_EQ(last().bounds, "from 10 to 65535");
  EXPECT_EQ(last().toml(), "80");
}

TEST_F(GroupTest, NumbersAreWholeAndWithinTheirBounds) {
  std::uint16_t port = 80;
  group.number("key", port, {10, 65'535}, "");
  for (const auto* text : {"", "-1", "11.5", "0x10", "80 ", " 80", "true", "9", "65536", "131000",
                           "18446744073709551626"}) {
    EXPECT_EQ(error_of(text), no_number) << text;
  }
  EXPECT_EQ(port, 80);
  EXPECT_EQ(error_of("65535"), "no error");
  EXPECT_EQ(port, 65'535);
  EXPECT_EQ(last().problem(), std::nullopt);
  port = 9;
  EXPECT_EQ(last().problem(), no_number);
}

TEST_F(GroupTest, DurationsHaveAUnit) {
  milliseconds timeout{7};
  group.duration("key", timeout, "");
  EXPECT_EQ(last().bounds, "");
  for (const auto* text : {"", "5", "s", "-5s", "1.5s", "5 s", "5d", "250us", "4294967296s"}) {
    EXPECT_EQ(error_of(text), not_a_duration) << text;
  }
  EXPECT_EQ(timeout, milliseconds(7));
  const std::pair<const char*, milliseconds> units[] = {{"250ms", milliseconds(250)},
                                                        {"25s", seconds(25)},
                                                        {"5m", seconds(300)},
                                                        {"4294967295h", hours(4'294'967'295)}};
  for (const auto& [text, duration] : units) {
    EXPECT_EQ(error_of(text), "no error") << text;
    EXPECT_EQ(timeout, duration) << text;
  }
}

TEST_F(GroupTest, DurationsAreCutToWhatTheOptionCounts) {
  microseconds fine{0};
  group.duration("fine", fine, "");
  EXPECT_EQ(error_of("250us"), "no error");
  EXPECT_EQ(fine, microseconds(250));
  EXPECT_EQ(error_of("4294967295h"), not_a_duration) << "more than 64 bits hold";
  seconds coarse{0};
  group.duration("coarse", coarse, "");
  EXPECT_EQ(error_of("2500ms"), "no error");
  EXPECT_EQ(coarse, seconds(2));
}

TEST_F(GroupTest, DurationsHaveBothBoundsOrOneOrNone) {
  milliseconds both{0};
  group.duration("both", both, "", {.least = seconds(1), .most = hours(24)});
  EXPECT_EQ(last().bounds, "from 1s to 24h");
  EXPECT_EQ(last().problem(), "must be a duration from 1s to 24h");
  EXPECT_EQ(error_of("86400001ms"), "must be a duration from 1s to 24h");
  EXPECT_EQ(error_of("24h"), "no error");
  group.duration("one", both, "", {.least = milliseconds(100)});
  EXPECT_EQ(last().bounds, "at least 100ms");
  EXPECT_EQ(error_of("99ms"), "must be a duration of at least 100ms");
  EXPECT_EQ(error_of("100ms"), "no error");
  both = milliseconds::max();
  EXPECT_EQ(last().problem(), std::nullopt);
}

TEST_F(GroupTest, DurationsAreWrittenInTheUnitThatOneWouldChoose) {
  milliseconds timeout{0};
  group.duration("key", timeout, "");
  const std::pair<milliseconds, const char*> values[] = {
      {milliseconds(0), "\"0ms\""},  {milliseconds(1'500), "\"1500ms\""},
      {seconds(1), "\"1s\""},        {seconds(60), "\"60s\""},
      {seconds(75), "\"75s\""},      {seconds(300), "\"5m\""},
      {hours(1), "\"60m\""},         {hours(24), "\"24h\""},
      {milliseconds(-5), "\"-5ms\""}};
  for (const auto& [duration, text] : values) {
    timeout = duration;
    EXPECT_EQ(last().toml(), text);
  }
  microseconds fine{0};
  group.duration("fine", fine, "");
  EXPECT_EQ(last().toml(), "\"0us\"");
  fine = milliseconds(1);
  EXPECT_EQ(last().toml(), "\"1ms\"");
  seconds coarse{0};
  group.duration("coarse", coarse, "");
  EXPECT_EQ(last().toml(), "\"0s\"");
}

TEST_F(GroupTest, ADurationMayBeOff) {
  std::optional<seconds> leeway;
  group.duration("key", leeway, "");
  EXPECT_EQ(last().toml(), "\"off\"");
  EXPECT_EQ(error_of("2h"), "no error");
  EXPECT_EQ(leeway, hours(2));
  EXPECT_EQ(last().toml(), "\"2h\"");
  EXPECT_EQ(error_of("never"), std::string(not_a_duration) + ", or \"off\"");
  EXPECT_EQ(error_of("off"), "no error");
  EXPECT_EQ(leeway, std::nullopt);
}

TEST_F(GroupTest, ListsHaveCommasAndLoseBlanks) {
  std::vector<std::string> list{"a"};
  group.list("key", list, "", {}, [](const std::vector<std::string>& value) {
    return value.empty() ? std::optional<std::string>("must hold something") : std::nullopt;
  });
  EXPECT_EQ(error_of(" , "), "must hold something");
  EXPECT_THAT(list, ElementsAre("a"));
  EXPECT_EQ(error_of("https://a , https://b,,c d"), "no error");
  EXPECT_THAT(list, ElementsAre("https://a", "https://b", "c d"));
  EXPECT_EQ(last().toml(), "[\"https://a\", \"https://b\", \"c d\"]");
}

TEST_F(GroupTest, TextsAreWrittenSoThatTomlReadsThem) {
  std::string text = "a\"\\\n\x7f\u00fc";
  group.text("key", text, "");
  EXPECT_EQ(last().toml(), "\"a\\\"\\\\\\u000a\\u007f\u00fc\"");
  EXPECT_EQ(error_of("anything, at all\n"), "no error");
  EXPECT_EQ(text, "anything, at all\n");
}

TEST_F(GroupTest, FlagsAndPoliciesAreWords) {
  bool flag = false;
  group.flag("flag", flag, "");
  for (const auto* text : {"1", "yes", "True", ""}) {
    EXPECT_EQ(error_of(text), "must be true or false") << text;
  }
  EXPECT_EQ(error_of("true"), "no error");
  EXPECT_TRUE(flag);
  EXPECT_EQ(last().toml(), "true");
  auto policy = OutagePolicy::deliver;
  group.policy("policy", policy, "");
  EXPECT_EQ(last().bounds, "deliver or refuse");
  EXPECT_EQ(error_of("Refuse"), "must be deliver or refuse");
  EXPECT_EQ(error_of("refuse"), "no error");
  EXPECT_EQ(policy, OutagePolicy::refuse);
  EXPECT_EQ(last().toml(), "\"refuse\"");
  policy = static_cast<OutagePolicy>(7);
  EXPECT_EQ(last().problem(), "must be deliver or refuse");
}

}  // namespace
}  // namespace crier::settings
