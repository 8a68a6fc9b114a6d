#include "backends/redis/client/url.hpp"

#include <gtest/gtest.h>
#include <string>
#include <vector>

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
    EXPECT_EQ(url->nodes[0], (Host{c.host, c.port})) << c.text;
    EXPECT_EQ(url->database, c.database) << c.text;
    ASSERT_EQ(url->credentials.has_value(), c.user != nullptr) << c.text;
    if (c.user == nullptr) continue;
    EXPECT_EQ(url->credentials->user, c.user) << c.text;
    EXPECT_EQ(url->credentials->password, c.password) << c.text;
  }
}

struct FormCase {
  const char* text;
  Form form;
  bool tls;
  std::vector<Host> nodes;
  const char* master;
  unsigned database;
  const char* place;
};

void check(const std::vector<FormCase>& cases) {
  for (const FormCase& c : cases) {
    const auto url = parse_url(c.text);
    ASSERT_TRUE(url.has_value()) << c.text << ": " << url.error();
    EXPECT_EQ(url->form, c.form) << c.text;
    EXPECT_EQ(url->is_cluster(), c.form == Form::cluster) << c.text;
    EXPECT_EQ(url->tls, c.tls) << c.text;
    EXPECT_EQ(url->nodes, c.nodes) << c.text;
    EXPECT_EQ(url->master, c.master) << c.text;
    EXPECT_EQ(url->database, c.database) << c.text;
    EXPECT_EQ(place_of(*url), c.place);
  }
}

TEST(RedisUrl, NamesOneServer) {
  check({
      {"redis://h/1", Form::single, false, {{"h", 6379}}, "", 1, "h:6379"},
      {"rediss://me:secret@h:7", Form::single, true, {{"h", 7}}, "", 0, "h:7"},
  });
}

TEST(RedisUrl, NamesSentinelsAndTheMaster) {
  check({
      {"redis+sentinel://h/events",
       Form::sentinel,
       false,
       {{"h", 26379}},
       "events",
       0,
       "h:26379/events"},
      {"redis+sentinel://me:secret@a:1,b,[::1]:3/my.master-1_x/15",
       Form::sentinel,
       false,
       {{"a", 1}, {"b", 26379}, {"::1", 3}},
       "my.master-1_x",
       15,
       "a:1,b:26379,[::1]:3/my.master-1_x"},
      {"rediss+sentinel://a,b/0/",
       Form::sentinel,
       true,
       {{"a", 26379}, {"b", 26379}},
       "0",
       0,
       "a:26379,b:26379/0"},
  });
}

TEST(RedisUrl, NamesTheNodesOfACluster) {
  check({
      {"redis+cluster://a", Form::cluster, false, {{"a", 6379}}, "", 0, "a:6379"},
      {"rediss+cluster://:secret@a,b:2/0",
       Form::cluster,
       true,
       {{"a", 6379}, {"b", 2}},
       "",
       0,
       "a:6379,b:2"},
  });
}

TEST(RedisUrl, TakesAsManyNodesAsTheBound) {
  std::string text = "redis+cluster://h0";
  for (std::size_t i = 1; i < nodes_max; ++i) text += ",h" + std::to_string(i);
  const auto url = parse_url(text);
  ASSERT_TRUE(url) << url.error();
  EXPECT_EQ(url->nodes.size(), nodes_max);
  const auto more = parse_url(text + ",h");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error(), "The Redis URL names more than 64 hosts.");
}

TEST(RedisUrl, SaysWhatIsWrong) {
  struct Case {
    const char* text;
    const char* error;
  };
  const Case cases[] = {
      {"http://h",
       "must begin with redis:// or rediss://, or with +sentinel or +cluster before ://."},
      {"redis://h?db=1", "must have no query and no fragment; in a password, write %3F or %23."},
      {"redis://hunter2@h", "must have user:password or :password before the @."},
      {"redis://", "has no valid host."},
      {"redis://h:0", "must have ports from 1 to 65535."},
      {"redis+sentinel://a,b:0/events", "must have ports from 1 to 65535."},
      {"redis://h/x", "must have a database number after the last slash."},
      {"redis://a,b", "may name several hosts only with +sentinel or +cluster before the ://."},
      {"redis+sentinel://h", "must have the master's name after the hosts."},
      {"redis+cluster://h/1", "must not choose a database: a cluster has one."},
  };
  for (const Case& c : cases) {
    const auto url = parse_url(c.text);
    ASSERT_FALSE(url) << c.text;
    EXPECT_EQ(url.error(), std::string("The Redis URL ") + c.error);
  }
}

/// Each is refused with a sentence that does not repeat it: it may hold a password.
void refuse(const std::vector<std::string>& cases) {
  for (const std::string& text : cases) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url.has_value()) << text;
    EXPECT_TRUE(url.error().ends_with('.')) << text;
    EXPECT_EQ(url.error().find("hunter2"), std::string::npos) << text;
  }
}

TEST(RedisUrl, RefusesOtherSchemes) {
  refuse({
      "",
      "redis:",
      "redis:/hunter2",
      "hunter2",
      "http://hunter2",
      "redisss://:hunter2@h",
      "redis+://:hunter2@h",
      "redis+tls://:hunter2@h",
      "redis+sentinel+cluster://:hunter2@h/m",
      "REDIS://:hunter2@h",
      "sentinel://:hunter2@h/m",
      "unix:///hunter2",
  });
}

TEST(RedisUrl, RefusesBadListsOfHostsAndMasters) {
  refuse({
      "redis+sentinel://:hunter2@h",
      "redis+sentinel://:hunter2@h/",
      "redis+sentinel://:hunter2@h//0",
      "redis+sentinel://:hunter2@h/a b",
      "redis+sentinel://:hunter2@h/m/x",
      "redis+sentinel://:hunter2@h/m/0/0",
      "redis+sentinel://:hunter2@/m",
      "redis+sentinel://:hunter2@a,/m",
      "redis+sentinel://:hunter2@,a/m",
      "redis+sentinel://:hunter2@a,,b/m",
      "redis+sentinel://:hunter2@a;b/m",
      "redis+sentinel://:hunter2@a,b@c:d/m",
      "redis+cluster://:hunter2@",
      "redis+cluster://:hunter2@a,b:x",
      "redis+cluster://:hunter2@a/1",
      "redis://:hunter2@a,b",
  });
}

TEST(RedisUrl, RefusesWhatIsNoHost) {
  refuse({
      "redis://",
      "redis:///0",
      "redis://:6379",
      "redis://::1",
      "redis://[::1",
      "redis://[::1]x",
      "redis://[]",
      "redis://hun ter2",
      "redis://h\nunter2",
      std::string("redis://h\0st", 12),
      "redis://h%20",
      "redis://" + std::string(254, 'h'),
  });
}

TEST(RedisUrl, RefusesHalfOfTheCredentials) {
  refuse({
      "redis://hunter2@h",
      "redis://@h",
      "redis://me:@h",
      "redis://:@h",
      "redis://:%zz@hunter2",
      "redis://:%4@hunter2",
  });
}

TEST(RedisUrl, RefusesWhatIsNoPort) {
  refuse({
      "redis://h:0",
      "redis://h:65536",
      "redis://h:",
      "redis://h:-1",
      "redis://h:+1",
      "redis://h:1x",
      "redis://h:1:2",
  });
}

TEST(RedisUrl, RefusesWhatIsNoDatabase) {
  refuse({
      "redis://h/x",
      "redis://h/-1",
      "redis://h/1/2",
      "redis://h/70000",
  });
}

TEST(RedisUrl, RefusesAQueryAndAFragment) {
  refuse({
      "redis://h/0?db=hunter2",
      "redis://h#hunter2",
      "redis://:hun#ter2@h",
  });
}

}  // namespace
}  // namespace crier::redis
