// What the store makes of answers that a healthy redis-server does not give.

#include "backends/redis/store/script.hpp"
#include "tests/contract/heard.hpp"
#include "tests/support/redis_store.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace crier::redis {
namespace {

using history::Appended;
using history::ReadReply;
using history::StoreError;
using std::chrono::milliseconds;

TEST_F(RedisHistoryRefusal, NeedsEveryStepOfTheOpening) {
  struct Case {
    std::string answers;
    const char* why;
  };
  const Case cases[] = {
      {"-LOADING Redis is loading the dataset in memory\r\n",
       "refused INFO (LOADING Redis is loading the dataset in memory)"},
      {"-NOAUTH Authentication required.\r\n", "refused INFO (NOAUTH Authentication required.)"},
      {"$6\r\nno id!\r\n", "an answer to INFO that makes no sense"},
      {"$9\r\nrun_id:\r\n\r\n", "an answer to INFO that makes no sense"},
      {":1\r\n", "an answer to INFO that makes no sense"},
      {std::string(run_id) + "-NOPERM no\r\n", "refused TIME (NOPERM no)"},
      {std::string(run_id) + "*0\r\n", "an answer to TIME that makes no sense"},
      {info() + "-NOPERM no\r\n", "refused SCRIPT (NOPERM no)"},
      {info() + ":1\r\n", "an answer to SCRIPT that makes no sense"},
      {info() + sha + sha + "$0\r\n\r\n", "an answer to SCRIPT that makes no sense"},
      {info() + scripts + "-NOPERM no\r\n", "refused PUBLISH (NOPERM no)"},
      {info() + scripts + "+OK\r\n", "an answer to PUBLISH that makes no sense"},
      {info() + scripts + published + "-READONLY no\r\n", "refused HSET (READONLY no)"},
      {info() + scripts + published + "+OK\r\n", "an answer to HSET that makes no sense"},
  };
  for (const Case& c : cases) {
    lines.clear();
    open();
    answer(c.answers);
    wait_next_connection();
    EXPECT_FALSE(store->available()) << c.why;
    EXPECT_THAT(lines, testing::ElementsAre(std::string("Redis is unavailable why=") + c.why));
    make_available();
    EXPECT_EQ(lines.size(), 2U);
  }
}

TEST_F(RedisHistoryRefusal, FindsARefusalInsideTheErrorOfAScript) {
  make_available();
  begin_append();
  wait_calls(1);
  answer(
      "-ERR Error running script (call to f_1): @user_script:37: @user_script: 37: -OOM command "
      "not allowed when used memory > 'maxmemory'.\r\n");
  wait([&] { return outcomes.size() == 1; });
  EXPECT_EQ(outcomes[0].error(), StoreError::unavailable);
  EXPECT_FALSE(store->available());
  wait_next_connection();
  EXPECT_THAT(
      lines,
      testing::ElementsAre(
          "Redis is unavailable why=refused a call (OOM command not allowed when used memory > "
          "'maxmemory'.)"));
}

TEST_F(RedisHistoryRefusal, AnswersWhatIsInFlightBeforeItGivesUpAServerThatRefuses) {
  make_available();
  for (std::size_t i = 1; i <= 3; ++i) {
    begin_append();
    wait_calls(i);
  }
  begin_read();
  wait_calls(4);
  answer("-READONLY no\r\n");
  wait([&] { return outcomes.size() == 1; });
  EXPECT_FALSE(store->available());
  answer("-READONLY no\r\n-READONLY no\r\n");
  wait([&] { return outcomes.size() == 3; });
  EXPECT_EQ(peers.size(), 1U);
  answer("-READONLY no\r\n");
  wait([&] { return reads.size() == 1; });
  EXPECT_EQ(reads[0].error(), StoreError::unavailable);
  wait_next_connection();
  EXPECT_EQ(lines.size(), 1U);
}

TEST_F(RedisHistoryRefusal, StaysInDoubtWhenARetryIsRefused) {
  make_available();
  begin_append();
  wait_calls(1);
  peer().close();
  wait_next_connection();
  make_available();
  wait_calls(1);
  answer("-OOM no\r\n");
  wait_next_connection();
  EXPECT_TRUE(outcomes.empty()) << "the first attempt may have been carried out";
  make_available();
  wait_calls(1);
  answer(appended("5000 1 0"));
  wait([&] { return outcomes.size() == 1; });
  ASSERT_TRUE(outcomes[0].has_value());
  EXPECT_FALSE(outcomes[0]->repeated);
}

TEST_F(RedisHistoryRefusal, SaysUnknownWhenARetryFails) {
  make_available();
  begin_append();
  wait_calls(1);
  peer().close();
  wait_next_connection();
  make_available();
  wait_calls(1);
  answer("-ERR no\r\n");
  wait([&] { return outcomes.size() == 1; });
  EXPECT_EQ(outcomes[0].error(), StoreError::unknown);
  EXPECT_TRUE(store->available());
}

TEST_F(RedisHistoryRefusal, RetriesAnAppendWithItsTokenBeforeNewerOnes) {
  make_available();
  begin_append("first");
  wait_calls(1);
  peer().close();
  wait_next_connection();
  answer(info() + scripts + published + ":0\r\n");
  wait([&] { return store->available(); });
  begin_append("second");
  wait_calls(2);
  const std::size_t first = peer().received.find("socket:events:token:1:p:first");
  const std::size_t second = peer().received.find("socket:events:token:1:p:second");
  ASSERT_NE(first, std::string::npos);
  ASSERT_NE(second, std::string::npos);
  EXPECT_LT(first, second);
}

TEST_F(RedisHistoryRefusal, SendsFirstWhatIsAskedForWhenItBecomesAvailable) {
  int called = 0;
  store->when_available([&] {
    if (++called == 2) begin_append("marker");
  });
  make_available();
  begin_append("first");
  wait_calls(1);
  peer().close();
  wait_next_connection();
  make_available();
  wait_calls(2);
  EXPECT_EQ(called, 2);
  const std::size_t marker = peer().received.find("socket:events:token:1:p:marker");
  EXPECT_LT(marker, peer().received.find("socket:events:token:1:p:first"));
}

TEST_F(RedisHistoryRefusal, LetsNothingOvertakeAnAppendWhoseScriptWasLost) {
  make_available();
  begin_append("a");
  wait_calls(1);
  begin_append("b");
  wait_calls(2);
  peer().received.clear();
  answer("-NOSCRIPT no\r\n");
  turn_until(loop, [] { return true; });
  begin_append("c");
  turn_until(loop, [] { return true; });
  EXPECT_EQ(peer().received, "") << "until b is answered";
  answer("-NOSCRIPT no\r\n");
  wait_calls(3);
  std::vector<std::size_t> places = {peer().received.find("SCRIPT")};
  for (const char* token : {":1:p:a\r\n", ":1:p:b\r\n", ":1:p:c\r\n"}) {
    places.push_back(peer().received.find(token));
    EXPECT_NE(places.back(), std::string::npos);
  }
  EXPECT_TRUE(std::is_sorted(places.begin(), places.end()));
}

TEST_F(RedisHistoryRefusal, KnowsThatWhatItHeldBackDidNotHappen) {
  options.append_deadline = std::chrono::hours(1);
  open();
  make_available();
  begin_append("a");
  wait_calls(1);
  begin_append("b");
  begin_read();
  wait_calls(3);
  answer("-NOSCRIPT no\r\n");
  turn_until(loop, [] { return true; });
  begin_append("c");
  begin_read();
  peer().close();
  wait([&] { return outcomes.size() == 2 && reads.size() == 2; });
  for (const auto& outcome : outcomes) EXPECT_EQ(outcome.error(), StoreError::unavailable);
  for (const auto& reply : reads) EXPECT_EQ(reply.error(), StoreError::unavailable);
  wait_next_connection();
  make_available();
  wait_calls(1);
  EXPECT_NE(peer().received.find(":1:p:b\r\n"), std::string::npos) << "b was in flight";
}

TEST_F(RedisHistoryRefusal, AnswersNothingMoreOnceAnAnswerDestroyedIt) {
  make_available();
  for (std::size_t i = 1; i <= 2; ++i) {
    begin_append();
    wait_calls(i);
  }
  answer("-NOSCRIPT no\r\n");
  turn_until(loop, [] { return true; });
  bool destroyed = false;
  const auto destroy = [&](auto) {
    store.reset();
    destroyed = true;
  };
  store->append({"p", Bytes(std::string("{}")), ""}, destroy);
  begin_append();
  begin_read();
  peer().close();
  wait([&] { return destroyed; });
  EXPECT_EQ(outcomes.size(), 1U) << "that of the append before";
  EXPECT_TRUE(reads.empty());
}

TEST_F(RedisHistoryRefusal, TellsTheScriptTheGreatestNumberItKnows) {
  make_available();
  begin_append();
  wait_calls(1);
  EXPECT_NE(peer().received.find("\r\n$1\r\n0\r\n"), std::string::npos);
  answer(appended("1700000000123456 1 0"));
  wait([&] { return outcomes.size() == 1; });
  begin_read();
  wait_calls(2);
  EXPECT_NE(peer().received.find("\r\n1700000000123456\r\n"), std::string::npos);
  answer("*5\r\n" + bulk("epoch--1") + bulk("0") + bulk("0") + bulk("0") + "*2\r\n" +
         bulk("1700000000222222") + "*0\r\n");
  wait([&] { return reads.size() == 1; });
  begin_append();
  wait_calls(3);
  EXPECT_NE(peer().received.find("\r\n1700000000222222\r\n"), std::string::npos);
}

TEST_F(RedisHistoryRefusal, SaysUnknownOfAClaimInFlight) {
  make_available();
  std::vector<StoreError> errors;
  const auto claim = [&] {
    store->claim("sid", [&](auto result) { errors.push_back(result.error()); });
  };
  claim();
  wait_calls(1);
  answer("-NOSCRIPT no\r\n");
  wait_calls(2);
  claim();
  peer().close();
  wait([&] { return errors.size() == 2; });
  EXPECT_THAT(errors, testing::ElementsAre(StoreError::unknown, StoreError::unknown));
  claim();
  EXPECT_EQ(errors.back(), StoreError::unavailable);
  wait_next_connection();
  make_available();
  claim();
  wait_calls(1);
  answer("+OK\r\n");
  wait([&] { return errors.size() == 4; });
  EXPECT_EQ(errors.back(), StoreError::unknown);
}

/// With a listener there are two connections; the subscriber sends no scripts.
class RedisHistoryOfTwoServers : public RedisHistoryRefusal {
 protected:
  void listen() {
    make_available();
    command = &peer();
    store->listen(heard);
    wait_next_connection();
    subscriber = &peer();
    wait([&] { return subscriber->received.find("INFO") != std::string::npos; });
  }
  void confirm_claims() {
    wait([&] { return subscriber->received.find("PING") != std::string::npos; });
    subscriber->answer("*3\r\n" + bulk("subscribe") + bulk("socket:events:bus:claims") + ":1\r\n" +
                       "+PONG\r\n");
    wait([&] { return store->hears(); });
  }
  /// Until both have come back.
  void wait_both() {
    command = subscriber = nullptr;
    wait([&] {
      for (std::size_t i = peers.size() - 2; i < peers.size(); ++i) {
        Peer& one = *peers[i];
        if (one.closed || one.received.find("INFO") == std::string::npos) continue;
        (one.received.find("SCRIPT") == std::string::npos ? subscriber : command) = &one;
      }
      return command != nullptr && subscriber != nullptr;
    });
  }
  void expect_good_end() {
    wait_both();
    subscriber->answer(run_id);
    confirm_claims();
    command->answer(info() + scripts + published + ":0\r\n");
    wait([&] { return store->available(); });
    EXPECT_THAT(lines,
                testing::Contains("Redis is unavailable why=the connections lead to two servers"));
    EXPECT_EQ(lines.back(), "Redis is available again");
    EXPECT_LE(lines.size(), 3U);
  }

  const std::string other_info = "$15\r\nrun_id:ABCDEF\r\n\r\n";
  history::Heard heard;
  Peer* command = nullptr;
  Peer* subscriber = nullptr;
};

TEST_F(RedisHistoryOfTwoServers, GivesUpBothWhenTheSubscriberFindsAnother) {
  listen();
  subscriber->answer(other_info);
  wait([&] { return command->closed && subscriber->closed; });
  EXPECT_FALSE(store->available());
  EXPECT_TRUE(heard.words.empty());
  expect_good_end();
}

TEST_F(RedisHistoryOfTwoServers, GivesUpBothWhenTheCommandsFindAnother) {
  listen();
  subscriber->answer(run_id);
  confirm_claims();
  command->close();
  wait_next_connection();
  command = &peer();
  command->answer(other_info + scripts + published + ":0\r\n");
  wait([&] { return command->closed && subscriber->closed; });
  EXPECT_FALSE(store->available());
  EXPECT_THAT(heard.words, testing::ElementsAre("claims", "lost"));
  expect_good_end();
}

TEST_F(RedisHistoryOfTwoServers, IsDownUntilBothAreUp) {
  listen();
  EXPECT_FALSE(store->hears());
  subscriber->answer("-NOPERM no\r\n");
  wait_next_connection();
  EXPECT_TRUE(store->available());
  subscriber = &peer();
  wait([&] { return subscriber->received.find("INFO") != std::string::npos; });
  EXPECT_THAT(lines, testing::ElementsAre("Redis is unavailable why=refused INFO (NOPERM no)"));
  subscriber->answer(run_id);
  confirm_claims();
  EXPECT_EQ(lines.size(), 2U);
}

TEST_F(RedisHistoryRefusal, GivesUpAServerWhoseAnswerMakesNoSense) {
  make_available();
  begin_append();
  wait_calls(1);
  answer("*1\r\n:1\r\n");
  wait_next_connection();
  EXPECT_TRUE(outcomes.empty());
  make_available();
  wait_calls(1);
  answer(appended("5000 1 0"));
  wait([&] { return outcomes.size() == 1; });
  begin_read();
  wait_calls(2);
  answer("+OK\r\n");
  wait([&] { return reads.size() == 1; });
  EXPECT_EQ(reads[0].error(), StoreError::unavailable);
}

TEST_F(RedisHistoryRefusal, SaysWhatBecameOfATakeOver) {
  std::vector<std::optional<StoreError>> results;
  const auto take_over = [&](std::size_t calls, const std::string& reply) {
    store->take_over({"u", "s", "holder", "value"}, [&](auto result) {
      results.push_back(result ? std::nullopt : std::optional(result.error()));
    });
    if (calls == 0) return;
    wait_calls(calls);
    const std::size_t known = results.size();
    reply.empty() ? peer().close() : answer(reply);
    wait([&] { return results.size() > known; });
  };
  take_over(0, "");
  make_available();
  take_over(1, "$2\r\nOK\r\n");
  take_over(2, "-ERR no such thing\r\n");
  take_over(3, ":1\r\n");
  wait_next_connection();
  make_available();
  take_over(1, "");
  wait_next_connection();
  make_available();
  take_over(1, "-NOREPLICAS Not enough good replicas to write.\r\n");
  EXPECT_FALSE(store->available());
  EXPECT_THAT(results, testing::ElementsAre(StoreError::unavailable, std::nullopt,
                                            StoreError::unavailable, StoreError::unknown,
                                            StoreError::unknown, StoreError::unavailable));
}

TEST_F(RedisHistoryRefusal, SaysUnknownAtTheDeadlineOfAnAppendThatNeverMadeSense) {
  make_available();
  begin_append();
  const auto decided = [&] { return !outcomes.empty(); };
  while (outcomes.empty()) {
    wait([&] { return decided() || peer().received.find("EVALSHA") != std::string::npos; });
    if (decided()) break;
    answer(":7\r\n");
    const std::size_t known = peers.size();
    wait([&] { return decided() || peers.size() > known; });
    if (!decided()) answer(info() + scripts + published + ":0\r\n");
  }
  EXPECT_EQ(outcomes[0].error(), StoreError::unknown);
  EXPECT_GT(peers.size(), 2U);
}

}  // namespace
}  // namespace crier::redis
