#include "backends/redis/url.hpp"

#include <gtest/gtest.h>
#include <string>

namespace crier::redis {
namespace {

TEST(RedisUrl, NamesHostPortCredentialsAndDatabase) {
  struct Case {
    const char* text;
    const char* host;
    std::uint16_t port;
    unsigned database;
    const char* user;  ///< Null: no credentials.
    const char* password;
  };
  const Case cases[] = {
      {"redis://localhost", "localhost", 6379, 0, nullptr, nullptr},
      {"redis://localhost/", "localhost", 6379, 0, nullptr, nullptr},
      {"redis://127.0.0.1:6380", "127.0.0.1", 6380, 0, nullptr, nullptr},
      {"redis://redis.example.org:6379/7", "redis.example.org", 6379, 7, nullptr, nullptr},
      {"redis://my_redis-1/12", "my_redis-1", 6379, 12, nullptr, nullptr},
      {"redis://[::1]", "::1", 6379, 0, nullptr, nullptr},
      {"redis://[fe80::1%eth0]:6380/1", "fe80::1%eth0", 6380, 1, nullptr, nullptr},
      {"redis://:secret@h", "h", 6379, 0, "", "secret"},
      {"redis://me:secret@h:1/2", "h", 1, 2, "me", "secret"},
      {"redis://me:p%40s%3As%2F%25@h", "h", 6379, 0, "me", "p@s:s/%"},
      {"redis://me:a@b@h", "h", 6379, 0, "me", "a@b"},
      {"redis://me:a:b@h", "h", 6379, 0, "me", "a:b"},
      {"redis://:a+b@h", "h", 6379, 0, "", "a+b"},
      {"redis://:secret@[::1]:65535/3", "::1", 65535, 3, "", "secret"},
  };
  for (const Case& c : cases) {
    const auto url = parse_url(c.text);
    ASSERT_TRUE(url.has_value()) << c.text << ": " << url.error();
    ASSERT_EQ(url->nodes.size(), 1U) << c.text;
    EXPECT_EQ(url->nodes[0], (Node{c.host, c.port})) << c.text;
    EXPECT_EQ(url->database, c.database) << c.text;
    ASSERT_EQ(url->credentials.has_value(), c.user != nullptr) << c.text;
    if (c.user == nullptr) continue;
    EXPECT_EQ(url->credentials->user, c.user) << c.text;
    EXPECT_EQ(url->credentials->password, c.password) << c.text;
  }
}

TEST(RedisUrl, RefusesWhatItDoesNotUnderstandWithoutRepeatingIt) {
  const std::string cases[] = {
      "",
      "redis:",
      "redis:/hunter2",
      "hunter2",
      "http://hunter2",
      "rediss://:hunter2@h",
      "unix:///hunter2",
      "redis://",
      "redis:///0",
      "redis://:6379",
      "redis://hunter2@h",
      "redis://@h",
      "redis://me:@h",
      "redis://:@h",
      "redis://:%zz@hunter2",
      "redis://:%4@hunter2",
      "redis://h:0",
      "redis://h:65536",
      "redis://h:",
      "redis://h:-1",
      "redis://h:+1",
      "redis://h:1x",
      "redis://h:1:2",
      "redis://::1",
      "redis://[::1",
      "redis://[::1]x",
      "redis://[]",
      "redis://h/x",
      "redis://h/-1",
      "redis://h/1/2",
      "redis://h/70000",
      "redis://h/0?db=hunter2",
      "redis://h#hunter2",
      "redis://:hun#ter2@h",
      "redis://hun ter2",
      "redis://h\nunter2",
      std::string("redis://h\0st", 12),
      "redis://h%20",
      "redis://" + std::string(254, 'h'),
  };
  for (const std::string& text : cases) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url.has_value()) << text;
    EXPECT_TRUE(url.error().ends_with('.')) << text;
    EXPECT_EQ(url.error().find("hunter2"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace crier::redis
