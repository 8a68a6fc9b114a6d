// What is read out of a script's answers.

#include "backends/redis/store/script.hpp"
#include "tests/support/redis_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace crier::redis {
namespace {

/// Parses an answer in the Redis protocol, as a hostile server might send it.
TestServer::Reply parse(const std::string& answer) {
  redisReader* const reader = redisReaderCreate();
  void* reply = nullptr;
  EXPECT_EQ(redisReaderFeed(reader, answer.data(), answer.size()), REDIS_OK);
  EXPECT_EQ(redisReaderGetReply(reader, &reply), REDIS_OK);
  redisReaderFree(reader);
  return TestServer::Reply(static_cast<redisReply*>(reply));
}

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

TEST(RedisScriptResult, OfAppendsIsNothingUnlessItHasItsShape) {
  const history::AppendRequest request;
  const AppendBatch one{"mine", {}, {&request}};
  const AppendBatch two{"mine", {}, {&request, &request}};
  const auto good = append_results(*parse(bulk("epoch--1 5000 2 4000 mine")), one);
  ASSERT_TRUE(good.has_value());
  EXPECT_EQ((*good)[0]->position, (history::EventNumbers{"epoch--1", 5000, 2}));
  EXPECT_EQ((*good)[0]->prev, 4000U);
  EXPECT_FALSE((*good)[0]->repeated);
  const auto both = append_results(*parse(bulk("epoch--1 5000 2 4000 other -\ntaken")), two);
  ASSERT_TRUE(both.has_value());
  EXPECT_TRUE((*both)[0]->repeated);
  EXPECT_EQ((*both)[1].error(), history::StoreError::token_taken);
  EXPECT_EQ((*append_results(*parse(bulk("failed")), one))[0].error(),
            history::StoreError::unavailable);
  EXPECT_FALSE(append_results(*parse(bulk("taken")), two).has_value()) << "too few";
  EXPECT_FALSE(append_results(*parse(bulk("taken\ntaken")), one).has_value()) << "too many";
  const std::string cases[] = {
      ":1\r\n",
      "$-1\r\n",
      "*0\r\n",
      bulk(""),
      bulk("epoch--1"),
      bulk("epoch--1 5000 2"),
      bulk("epoch 5000 2 4000 mine"),
      bulk("epoch--1 5000 2 -1 mine"),
      bulk("epoch--1 5000 2.5 1 mine"),
      bulk("epoch--1 99999999999999999999 2 1 mine"),
      bulk("epoch--1  5000 2 1 mine"),
  };
  for (const std::string& answer : cases) {
    EXPECT_FALSE(append_results(*parse(answer), one).has_value()) << answer;
  }
}

TEST(RedisScriptResult, OfAReadIsNothingUnlessItHasItsShape) {
  const std::vector<history::ReadRequest> one = {{"p", 0, 0}};
  const std::string head = bulk("epoch--1") + bulk("7") + bulk("8") + bulk("6");
  const auto good = read_result(*parse("*5\r\n" + head + "*2\r\n" + bulk("0") + "*0\r\n"), one);
  ASSERT_TRUE(good.has_value());
  EXPECT_EQ(good->clock, 8U);
  EXPECT_EQ(good->last, 6U);
  const std::string cases[] = {
      ":1\r\n",
      "*0\r\n",
      "*4\r\n" + head,
      "*5\r\n" + head + ":1\r\n",
      "*5\r\n" + head + "*0\r\n",
      "*5\r\n" + head + "*1\r\n" + bulk("0"),
      "*5\r\n" + head + "*2\r\n" + bulk("x") + "*0\r\n",
      "*5\r\n" + head + "*2\r\n" + bulk("0") + bulk("0"),
      "*5\r\n" + bulk("epoch") + bulk("7") + bulk("8") + bulk("6") + "*2\r\n" + bulk("0") +
          "*0\r\n",
      "*5\r\n" + bulk("epoch--1") + bulk("-7") + bulk("8") + bulk("6") + "*2\r\n" + bulk("0") +
          "*0\r\n",
      "*5\r\n" + bulk("epoch--1") + bulk("7") + bulk("8") + ":6\r\n*2\r\n" + bulk("0") + "*0\r\n",
      "*5\r\n" + bulk("epoch--1") + bulk("7") + bulk("x") + bulk("6") + "*2\r\n" + bulk("0") +
          "*0\r\n",
  };
  for (const std::string& answer : cases) {
    EXPECT_FALSE(read_result(*parse(answer), one).has_value()) << answer;
  }
}

TEST(RedisScriptResult, SaysThatAProgramIsBroken) {
  const std::string head = "*5\r\n" + bulk("epoch--1") + bulk("7") + bulk("8") + bulk("6");
  const auto broken = [&](const std::string& program) {
    return read_result(*parse(head + program), {{"p", 0, 0}})->programs[0].broken;
  };
  EXPECT_TRUE(broken("*3\r\n" + bulk("5") + "*0\r\n" + bulk("broken")));
  EXPECT_FALSE(broken("*2\r\n" + bulk("5") + "*0\r\n"));
  EXPECT_FALSE(broken("*3\r\n" + bulk("5") + "*0\r\n" + bulk("whole")));
}

TEST(RedisScriptResult, OfFencesIsNothingUnlessThereIsOneForEach) {
  EXPECT_THAT(*fences_result(*parse("*4\r\n" + bulk("7") + "$-1\r\n" + bulk("x") + ":8\r\n"), 4),
              testing::ElementsAre(7, 0, 0, 0));
  EXPECT_TRUE(fences_result(*parse("*0\r\n"), 0)->empty());
  for (const char* answer : {"*0\r\n", "*2\r\n$-1\r\n$-1\r\n", ":1\r\n", "$-1\r\n", "*-1\r\n"}) {
    EXPECT_FALSE(fences_result(*parse(answer), 1).has_value()) << answer;
  }
  EXPECT_THAT(*claim_results(*parse("*2\r\n" + bulk("7") + bulk("8") + bulk("6")), 2),
              testing::ElementsAre(7, 8));
  for (const std::string& element : {std::string(":7\r\n"), bulk("-7"), std::string("$-1\r\n")}) {
    EXPECT_FALSE(claim_results(*parse("*1\r\n" + element), 1).has_value()) << element;
  }
  EXPECT_FALSE(claim_results(*parse("*1\r\n" + bulk("7")), 2).has_value());
  EXPECT_FALSE(claim_results(*parse(bulk("7")), 1).has_value());
}

TEST(RedisScriptResult, LeavesOutWhatIsOutOfPlace) {
  const auto stored = [](int gid) {
    return bulk(R"({"seq":1,"prev":1,"gid":)" + std::to_string(gid) + R"(,"envelope":{}})");
  };
  const std::string answer = "*5\r\n" + bulk("epoch--1") + bulk("1") + bulk("9") + bulk("9") +
                             "*2\r\n" + bulk("9") + "*7\r\n" + stored(4) + stored(6) + stored(5) +
                             ":3\r\n" + stored(6) + stored(8) + stored(10);
  const auto reply = read_result(*parse(answer), {{"p", 4, 0}});
  ASSERT_TRUE(reply.has_value());
  std::vector<history::Gid> gids;
  for (const auto& record : reply->programs[0].records) gids.push_back(record.gid);
  EXPECT_THAT(gids, testing::ElementsAre(6, 8));
}

}  // namespace
}  // namespace crier::redis
