#include "backends/redis/client/topology.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <string>

namespace crier::redis {
namespace {

struct FreeReply {
  void operator()(void* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

/// What a server's bytes say.
Reply reply(const std::string& bytes) {
  const std::unique_ptr<redisReader, decltype(&redisReaderFree)> reader(redisReaderCreate(),
                                                                        &redisReaderFree);
  redisReaderFeed(reader.get(), bytes.data(), bytes.size());
  void* raw = nullptr;
  EXPECT_EQ(redisReaderGetReply(reader.get(), &raw), REDIS_OK);
  EXPECT_NE(raw, nullptr) << bytes;
  return Reply(static_cast<redisReply*>(raw));
}

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}
std::string node(const std::string& host, const std::string& port) {
  return "*3\r\n" + host + ":" + port + "\r\n" + bulk("id");
}
std::string range(unsigned first, unsigned last, const std::string& nodes, int count) {
  return "*" + std::to_string(2 + count) + "\r\n:" + std::to_string(first) +
         "\r\n:" + std::to_string(last) + "\r\n" + nodes;
}

TEST(RedisTopology, HasTheSlotsOfTheSpecification) {
  EXPECT_EQ(slot_of("123456789"), 0x31C3U % 16384);
  EXPECT_EQ(slot_of(""), 0U);
  EXPECT_EQ(slot_of("foo"), 12182U);
  EXPECT_EQ(slot_of("user1000"), 3443U);
  EXPECT_EQ(slot_of("\xff\x80"), slot_of(std::string("\xff\x80")));
}

TEST(RedisTopology, ReadsWhereSentinelSaysThatTheMasterIs) {
  const Host expected{"10.0.0.7", 6380};
  EXPECT_EQ(master_of(*reply("*2\r\n" + bulk("10.0.0.7") + bulk("6380"))), expected);
  EXPECT_EQ(master_of(*reply("*2\r\n" + bulk("redis-1.example") + bulk("1"))),
            (Host{"redis-1.example", 1}));
  const std::string senseless[] = {
      "*-1\r\n",
      "$-1\r\n",
      ":7\r\n",
      "*0\r\n",
      "*1\r\n" + bulk("h"),
      "*2\r\n" + bulk("") + bulk("6380"),
      "*2\r\n" + bulk("h h") + bulk("6380"),
      "*2\r\n" + bulk("h") + bulk("0"),
      "*2\r\n" + bulk("h") + bulk("65536"),
      "*2\r\n" + bulk("h") + bulk("-1"),
      "*2\r\n" + bulk("h") + bulk("1x"),
      "*2\r\n" + bulk("h") + bulk(""),
      "*2\r\n" + bulk("h") + ":6380\r\n",
      "*2\r\n$-1\r\n" + bulk("6380"),
      "*3\r\n" + bulk("h") + bulk("6380") + bulk("x"),
  };
  for (const std::string& bytes : senseless) EXPECT_FALSE(master_of(*reply(bytes))) << bytes;
}

TEST(RedisTopology, FindsThePrimaryOfASlotAmongRanges) {
  const Host asked{"10.0.0.9", 7};
  const auto slots =
      reply("*3\r\n" + range(0, 99, node(bulk("10.0.0.1"), "6379"), 1) +
            range(100, 100, node(bulk("10.0.0.2"), "6380") + node(bulk("10.0.0.3"), "6381"), 2) +
            range(101, 16383, node(bulk("10.0.0.1"), "6379"), 1));
  struct Case {
    unsigned slot;
    Host primary;
  };
  const Case cases[] = {{0, {"10.0.0.1", 6379}},
                        {99, {"10.0.0.1", 6379}},
                        {100, {"10.0.0.2", 6380}},
                        {101, {"10.0.0.1", 6379}},
                        {16383, {"10.0.0.1", 6379}}};
  for (const Case& c : cases) {
    const auto owner = owner_of(c.slot, *slots, asked);
    ASSERT_TRUE(owner) << c.slot;
    EXPECT_EQ(owner->primary, c.primary) << c.slot;
    EXPECT_EQ(owner->nodes,
              (std::vector<Host>{{"10.0.0.1", 6379}, {"10.0.0.2", 6380}, {"10.0.0.3", 6381}}));
  }
}

TEST(RedisTopology, TakesTheHostThatItAskedWhereTheNodeDoesNotKnowItsOwn) {
  for (const char* host : {"$0\r\n\r\n", "$-1\r\n"}) {
    const auto owner =
        owner_of(5, *reply("*1\r\n" + range(0, 16383, node(host, "6380"), 1)), {"h", 1});
    ASSERT_TRUE(owner) << host;
    EXPECT_EQ(owner->primary, (Host{"h", 6380}));
  }
}

TEST(RedisTopology, TakesNodesWithMoreToSay) {
  const std::string modern = "*4\r\n" + bulk("10.0.0.1") + ":6379\r\n" + bulk("id") + "*2\r\n" +
                             bulk("hostname") + bulk("a.example");
  const auto owner = owner_of(5, *reply("*1\r\n" + range(0, 16383, modern, 1)), {"h", 1});
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->primary, (Host{"10.0.0.1", 6379}));
}

TEST(RedisTopology, FindsNobodyWhereNobodyServesTheSlotOrNothingMakesSense) {
  const std::string cases[] = {
      "*0\r\n",
      "*-1\r\n",
      ":1\r\n",
      "*1\r\n:1\r\n",
      "*1\r\n*2\r\n:0\r\n:16383\r\n",
      "*1\r\n*3\r\n" + bulk("0") + ":16383\r\n" + node(bulk("h"), "1"),
      "*1\r\n*3\r\n:0\r\n" + bulk("16383") + node(bulk("h"), "1"),
      "*1\r\n" + range(0, 4, node(bulk("h"), "1"), 1),
      "*1\r\n" + range(6, 16383, node(bulk("h"), "1"), 1),
      "*1\r\n" + range(0, 16383, node(bulk("?"), "1"), 1),
      "*1\r\n" + range(0, 16383, node(bulk("h"), "0"), 1),
      "*1\r\n" + range(0, 16383, node(bulk("h"), "65536"), 1),
      "*1\r\n" + range(0, 16383, node(":1\r\n", "1"), 1),
      "*1\r\n" + range(0, 16383, node(bulk("?"), "1") + node(bulk("replica"), "1"), 2),
      "*1\r\n" + range(0, 16383, "*1\r\n" + bulk("h"), 1),
      "*1\r\n" + range(0, 16383, bulk("h"), 1),
      "*1\r\n" + range(0, 16383, "*2\r\n" + bulk("h") + bulk("1"), 1),
  };
  for (const std::string& bytes : cases) {
    EXPECT_FALSE(owner_of(5, *reply(bytes), {"h", 1})) << bytes;
  }
}

TEST(RedisTopology, RemembersABoundedNumberOfNodes) {
  std::string nodes;
  for (int i = 0; i < 100; ++i) nodes += node(bulk("h" + std::to_string(i)), "1");
  const auto owner = owner_of(5, *reply("*1\r\n" + range(0, 16383, nodes, 100)), {"h", 1});
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->nodes.size(), nodes_max);
}

TEST(RedisTopology, KnowsAMasterByItsRole) {
  EXPECT_TRUE(is_master(*reply("*3\r\n" + bulk("master") + ":0\r\n*0\r\n")));
  for (const std::string& bytes :
       {"*5\r\n" + bulk("slave") + bulk("h") + ":1\r\n" + bulk("connected") + ":0\r\n",
        "*2\r\n" + bulk("sentinel") + "*0\r\n", std::string("*0\r\n"), bulk("master"),
        std::string("*1\r\n+master\r\n")}) {
    EXPECT_FALSE(is_master(*reply(bytes))) << bytes;
  }
}

}  // namespace
}  // namespace crier::redis
