#include "backends/redis/client/reply.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <string>

namespace crier::redis {
namespace {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

std::unique_ptr<redisReply, FreeReply> parse(const std::string& answer) {
  redisReader* const reader = redisReaderCreate();
  void* reply = nullptr;
  EXPECT_EQ(redisReaderFeed(reader, answer.data(), answer.size()), REDIS_OK);
  EXPECT_EQ(redisReaderGetReply(reader, &reply), REDIS_OK);
  redisReaderFree(reader);
  return std::unique_ptr<redisReply, FreeReply>(static_cast<redisReply*>(reply));
}

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

TEST(RedisEviction, IsThePolicyOfAServerThatHasALimit) {
  const auto memory = [](const std::string& limit, const std::string& policy) {
    return eviction_of(
        *parse(bulk("# Memory\r\nused_memory:1\r\nmaxmemory:" + limit +
                    "\r\nmaxmemory_human:1\r\nmaxmemory_policy:" + policy + "\r\n")));
  };
  EXPECT_EQ(memory("1000", "volatile-lru"), "volatile-lru");
  EXPECT_EQ(memory("1000", "allkeys-random"), "allkeys-random");
  EXPECT_EQ(memory("1000", "noeviction"), "");
  EXPECT_EQ(memory("0", "volatile-lru"), "");
  EXPECT_EQ(eviction_of(*parse(bulk("maxmemory:1000\r\n"))), "");
  EXPECT_EQ(eviction_of(*parse(bulk(""))), "");
  EXPECT_EQ(eviction_of(*parse("*0\r\n")), "");
}

TEST(RedisTime, IsSecondsAndMicroseconds) {
  EXPECT_EQ(time_of(*parse("*2\r\n" + bulk("1700000000") + bulk("7"))), 1'700'000'000'000'007U);
  EXPECT_EQ(time_of(*parse("*2\r\n" + bulk("9007199254") + bulk("999999"))),
            9'007'199'254'999'999U);
  for (const std::string& answer :
       {"*2\r\n" + bulk("9007199255") + bulk("0"), "*2\r\n" + bulk("-1") + bulk("0"),
        "*2\r\n" + bulk("1") + bulk("x"), "*1\r\n" + bulk("1"), "*2\r\n" + bulk("1") + ":1\r\n",
        std::string(":1\r\n"), std::string("*0\r\n")}) {
    EXPECT_FALSE(time_of(*parse(answer)).has_value()) << answer;
  }
}

TEST(RedisRunId, IsTheValueOfItsLine) {
  EXPECT_EQ(run_id_of(*parse(bulk("# Server\r\nrun_id:abc\r\ntcp_port:1\r\n"))), "abc");
  EXPECT_EQ(run_id_of(*parse(bulk("run_id:abc"))), "abc");
  for (const std::string& answer :
       {bulk(""), bulk("run_id:"), bulk("run_id:\r\n"), std::string(":1\r\n"),
        std::string("$-1\r\n"), std::string("+run_id:abc\r\n"), std::string("*0\r\n")}) {
    EXPECT_FALSE(run_id_of(*parse(answer)).has_value()) << answer;
  }
}

TEST(RedisPong, IsToldFromWhatIsNone) {
  EXPECT_TRUE(is_pong(*parse("+PONG\r\n")));
  EXPECT_TRUE(is_pong(*parse("*2\r\n" + bulk("pong") + bulk(""))));
  for (const std::string& answer :
       {std::string("+OK\r\n"), std::string("-ERR no\r\n"), std::string("*0\r\n"), bulk("PONG"),
        "*1\r\n" + bulk("pong"), std::string("*2\r\n:1\r\n:1\r\n"),
        "*2\r\n" + bulk("ping") + bulk("")}) {
    EXPECT_FALSE(is_pong(*parse(answer))) << answer;
  }
}

TEST(RedisPush, NamesItsChannelAndItsMessage) {
  struct Case {
    std::string word;
    std::string last;
    Push::Kind kind;
    std::string message;
  };
  const Case cases[] = {
      {"message", bulk("text"), Push::Kind::message, "text"},
      {"smessage", bulk(""), Push::Kind::message, ""},
      {"subscribe", ":1\r\n", Push::Kind::subscribed, ""},
      {"ssubscribe", ":2\r\n", Push::Kind::subscribed, ""},
      {"unsubscribe", ":0\r\n", Push::Kind::unsubscribed, ""},
      {"sunsubscribe", ":0\r\n", Push::Kind::unsubscribed, ""},
  };
  for (const Case& c : cases) {
    const auto reply = parse("*3\r\n" + bulk(c.word) + bulk("channel") + c.last);
    const auto push = push_of(*reply);
    ASSERT_TRUE(push.has_value()) << c.word;
    EXPECT_EQ(push->kind, c.kind) << c.word;
    EXPECT_EQ(push->channel, "channel") << c.word;
    EXPECT_EQ(push->message, c.message) << c.word;
  }
}

TEST(RedisPush, IsNothingUnlessItHasItsShape) {
  const std::string cases[] = {
      "+OK\r\n",
      ":1\r\n",
      "$-1\r\n",
      "*-1\r\n",
      "*0\r\n",
      "*2\r\n" + bulk("message") + bulk("channel"),
      "*2\r\n" + bulk("pong") + bulk(""),
      "*3\r\n" + bulk("message") + bulk("channel") + ":1\r\n",
      "*3\r\n" + bulk("message") + "$-1\r\n" + bulk("text"),
      "*3\r\n" + bulk("subscribe") + bulk("channel") + bulk("1"),
      "*3\r\n" + bulk("unsubscribe") + "$-1\r\n:0\r\n",
      "*3\r\n" + bulk("MESSAGE") + bulk("channel") + bulk("text"),
      "*3\r\n" + bulk("pmessage") + bulk("channel") + bulk("text"),
      "*3\r\n" + bulk("psubscribe") + bulk("channel") + ":1\r\n",
      "*4\r\n" + bulk("message") + bulk("channel") + bulk("text") + bulk("more"),
      "*3\r\n+message\r\n" + bulk("channel") + bulk("text"),
      "*3\r\n*0\r\n" + bulk("channel") + bulk("text"),
  };
  for (const std::string& answer : cases) EXPECT_FALSE(push_of(*parse(answer))) << answer;
}

}  // namespace
}  // namespace crier::redis
