#include "daemon/cli/arguments.hpp"

#include "base/encoding.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace crier::daemon {
namespace {

TEST(ParseDuration, TakesAWholeNumberAndAUnit) {
  const std::vector<std::pair<std::string, std::int64_t>> cases{
      {"1s", 1},
      {"90s", 90},
      {"15m", 900},
      {"2h", 7200},
      {"1d", 86'400},
      {"007m", 420},
      {"36500d", 3'153'600'000},
      {"3153600000s", 3'153'600'000},
  };
  for (const auto& [text, seconds] : cases) {
    const auto duration = parse_duration(text);
    ASSERT_TRUE(duration) << text;
    EXPECT_EQ(duration->count(), seconds) << text;
  }
}

TEST(ParseDuration, RefusesEverythingElse) {
  for (const std::string text :
       {"", "s", "15", "0s", "-1s", "+1s", " 1s", "1 s", "1s ", "1.5h", "1M", "1ms", "1w", "1h30m",
        "0x1s", "36501d", "3153600001s", "99999999999999999999s", "15\xC2\xB5s"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(ParseUrl, TakesHostPortAndPath) {
  const std::vector<std::pair<std::string, HttpUrl>> cases{
      {"http://127.0.0.1:3000", {"127.0.0.1", 3000, ""}},
      {"http://localhost", {"localhost", 80, ""}},
      {"http://localhost/", {"localhost", 80, ""}},
      {"http://a-b.example_1:65535//", {"a-b.example_1", 65535, ""}},
      {"http://host:1/a/b%20c/", {"host", 1, "/a/b%20c"}},
      {"http://[::1]:3000/x", {"::1", 3000, "/x"}},
      {"http://[::ffff:127.0.0.1]", {"::ffff:127.0.0.1", 80, ""}},
  };
  for (const auto& [text, expected] : cases) {
    const auto url = parse_url(text);
    ASSERT_TRUE(url) << text;
    EXPECT_EQ(*url, expected) << text;
  }
}

TEST(ParseUrl, RefusesEverythingElse) {
  for (const std::string text : {"",
                                 "localhost:3000",
                                 "http:",
                                 "http://",
                                 "http:///x",
                                 "https://host",
                                 "HTTP://host",
                                 "http://:80",
                                 "http://host:",
                                 "http://host:0",
                                 "http://host:65536",
                                 "http://host:-1",
                                 "http://host:+1",
                                 "http://host:1x",
                                 "http://host:80:80",
                                 "http://user@host",
                                 "http://host/?a=b",
                                 "http://host/#x",
                                 "http://ho st",
                                 "http://host/a b",
                                 "http://host/\r\nX: y",
                                 "http://[::1",
                                 "http://[]",
                                 "http://[::1]x",
                                 "http://[::1]80",
                                 "http://h\xC3\xB6st"}) {
    EXPECT_FALSE(parse_url(text)) << text;
  }
}

TEST(PercentEncode, KeepsOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encode("Aa0-._~"), "Aa0-._~");
  EXPECT_EQ(percent_encode("a/b?c#d e%"), "a%2Fb%3Fc%23d%20e%25");
  EXPECT_EQ(percent_encode("\xC3\xA9"), "%C3%A9");
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
}

}  // namespace
}  // namespace crier::daemon
