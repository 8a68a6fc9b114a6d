// What the store makes of answers that a healthy redis-server does not give.

#include "backends/redis/history.hpp"
#include "backends/redis/script.hpp"
#include "backends/redis/test_peer.hpp"
#include "backends/redis/test_server.hpp"
#include "net/listener.hpp"
#include "tests/contract/heard.hpp"

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

constexpr const char* run_id = "$15\r\nrun_id:abcdef\r\n\r\n";
constexpr const char* published = ":0\r\n";
constexpr const char* sha = "$40\r\n0123456789012345678901234567890123456789\r\n";
const std::string scripts = std::string(sha) + sha + sha + sha + sha;

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

/// The answers to INFO, TIME and INFO.
std::string info() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  return run_id + std::string("*2\r\n") + bulk(std::to_string(us / 1'000'000)) +
         bulk(std::to_string(us % 1'000'000)) + bulk("maxmemory:0");
}

class RedisHistoryRefusal : public testing::Test {
 protected:
  void SetUp() override {
    auto bound = net::Listener::open(loop, {"127.0.0.1", 0}, [this](net::Stream stream) {
      peers.push_back(std::make_unique<Peer>(std::move(stream)));
    });
    listener = std::move(bound).value();
    options.url = "redis://127.0.0.1:" + std::to_string(listener->port());
    open();
  }
  void open() {
    const auto sink = [this](LogLevel, std::string_view message,
                             std::initializer_list<LogField> fields) {
      std::string line(message);
      for (const LogField& field : fields) {
        if (field.key != "server") line += " " + std::string(field.key) + "=" + field.value;
      }
      lines.push_back(line);
    };
    const std::size_t known = peers.size();
    store = open_history(loop, options, {}, Random::seeded(5), sink).value();
    wait([&] { return peers.size() > known; });
  }
  template <class Predicate>
  void wait(Predicate holds) {
    ASSERT_TRUE(turn_until(loop, holds));
  }
  Peer& peer() { return *peers.back(); }
  void answer(const std::string& text) { peer().answer(text); }
  void make_available() {
    answer(info() + scripts + published + ":0\r\n");
    wait([&] { return store->available(); });
  }
  void wait_next_connection() {
    const std::size_t known = peers.size();
    wait([&] { return peers.size() > known; });
  }
  /// Waits until the newest connection has received `count` calls of a script.
  void wait_calls(std::size_t count) {
    wait([&] {
      std::size_t calls = 0;
      for (std::size_t at = 0; (at = peer().received.find("EVALSHA", at)) != std::string::npos;
           ++at) {
        ++calls;
      }
      return calls >= count;
    });
  }
  void begin_append(const std::string& token = {}) {
    store->append({"p", Bytes(std::string("{}")), token},
                  [this](Result<Appended, StoreError> outcome) { outcomes.push_back(outcome); });
  }
  void begin_read() {
    store->read({{"p", 0, 0}},
                [this](Result<ReadReply, StoreError> reply) { reads.push_back(reply); });
  }
  /// The result of an append in the newest batch received, as the script gives it.
  std::string result(const std::string& numbers) {
    const std::string& received = peer().received;
    const std::string key = "socket:events:batch:";
    return "epoch--1 " + numbers + " " + received.substr(received.rfind(key) + key.size(), 20);
  }
  std::string appended(const std::string& numbers) { return bulk(result(numbers)); }

  net::Loop loop;
  Options options{.retry_min = milliseconds(2),
                  .retry_max = milliseconds(10),
                  .append_deadline = milliseconds(300)};
  std::unique_ptr<net::Listener> listener;
  std::vector<std::unique_ptr<Peer>> peers;
  std::unique_ptr<history::HistoryStore> store;
  std::vector<std::string> lines;
  std::vector<Result<Appended, StoreError>> outcomes;
  std::vector<Result<ReadReply, StoreError>> reads;
};

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
  answer("-WRONGTYPE no\r\n");
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

/// How often `word` occurs in `text`.
std::size_t count_of(std::string_view word, std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++count;
  return count;
}

TEST_F(RedisHistoryRefusal, SendsTheAppendsOfOneTurnAsOne) {
  make_available();
  for (const char* token : {"a", "b", "c"}) begin_append(token);
  wait_calls(1);
  wait([&] { return peer().received.find(":1:p:c\r\n") != std::string::npos; });
  EXPECT_EQ(count_of("EVALSHA", peer().received), 1U);
  answer(bulk(result("5000 1 0") + "\ntaken\n" + result("6000 2 5000")));
  wait([&] { return outcomes.size() == 3; });
  EXPECT_EQ(outcomes[0]->position.gid, 5000U);
  EXPECT_EQ(outcomes[1].error(), StoreError::token_taken);
  EXPECT_EQ(outcomes[2]->position.gid, 6000U);
  EXPECT_TRUE(lines.empty());
}

TEST_F(RedisHistoryRefusal, CollectsAppendsUntilThoseUnderWayAreAnswered) {
  options.append_window = std::chrono::hours(1);
  open();
  make_available();
  begin_append("a");
  wait_calls(1);
  begin_append("b");
  turn_until(loop, [] { return true; });
  begin_append("c");
  turn_until(loop, [] { return true; });
  EXPECT_EQ(peer().received.find(":1:p:b\r\n"), std::string::npos);
  answer(appended("5000 1 0"));
  wait([&] { return peer().received.find(":1:p:c\r\n") != std::string::npos; });
  EXPECT_EQ(count_of("EVALSHA", peer().received), 2U) << "b and c together";
}

TEST_F(RedisHistoryRefusal, WaitsNoLongerThanTheWindowForAnAnswer) {
  options.append_window = milliseconds(1);
  open();
  make_available();
  begin_append("a");
  wait_calls(1);
  begin_append("b");
  wait_calls(2);
  EXPECT_TRUE(outcomes.empty()) << "a was not answered";
}

TEST_F(RedisHistoryRefusal, SendsNoMoreAsOneThanABatchMayHave) {
  options.append_window = std::chrono::hours(1);
  open();
  make_available();
  for (std::size_t i = 0; i < batch_events_max; ++i) begin_append("t" + std::to_string(i));
  wait_calls(1);
  wait([&] { return peer().received.find(":1:p:t63\r\n") != std::string::npos; });
  EXPECT_EQ(count_of("EVALSHA", peer().received), 1U);
  for (std::size_t i = 0; i <= batch_events_max; ++i) begin_append("u" + std::to_string(i));
  wait([&] { return peer().received.find(":1:p:u63\r\n") != std::string::npos; });
  EXPECT_EQ(count_of("EVALSHA", peer().received), 2U) << "a full one does not wait";
  EXPECT_EQ(peer().received.find(":1:p:u64\r\n"), std::string::npos);
}

TEST_F(RedisHistoryRefusal, SendsLargeEventsApart) {
  make_available();
  const std::string large = "{\"text\":\"" + std::string(200'000, 'x') + "\"}";
  for (int i = 0; i < 2; ++i) store->append({"p", Bytes(large), {}}, [](auto) {});
  wait_calls(2);
  EXPECT_EQ(count_of("socket:events:batch:", peer().received), 2U);
}

TEST_F(RedisHistoryRefusal, AsksAgainForEachAppendOfABatchInDoubt) {
  make_available();
  for (const char* token : {"a", "b", ""}) begin_append(token);
  wait_calls(1);
  peer().close();
  wait_next_connection();
  EXPECT_TRUE(outcomes.empty());
  make_available();
  wait_calls(1);
  answer(bulk(result("5000 1 0") + "\nfailed\n" + result("6000 2 5000")));
  wait([&] { return outcomes.size() == 3; });
  EXPECT_FALSE(outcomes[0]->repeated);
  EXPECT_EQ(outcomes[1].error(), StoreError::unknown) << "it may have been there the first time";
  EXPECT_EQ(outcomes[2]->position.gid, 6000U);
}

TEST_F(RedisHistoryRefusal, SaysUnknownOfEachAppendOfABatchAtTheDeadline) {
  make_available();
  for (int i = 0; i < 3; ++i) begin_append();
  wait_calls(1);
  peer().close();
  wait([&] { return outcomes.size() == 3; });
  for (const auto& outcome : outcomes) EXPECT_EQ(outcome.error(), StoreError::unknown);
}

TEST_F(RedisHistoryRefusal, AnswersNothingMoreOfABatchOnceAnAnswerDestroyedIt) {
  make_available();
  begin_append();
  bool destroyed = false;
  store->append({"p", Bytes(std::string("{}")), ""}, [&](auto) {
    store.reset();
    destroyed = true;
  });
  begin_append();
  wait_calls(1);
  answer(bulk(result("5000 1 0") + '\n' + result("6000 2 5000") + '\n' + result("7000 3 6000")));
  wait([&] { return destroyed; });
  EXPECT_EQ(outcomes.size(), 1U);
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

TEST_F(RedisHistoryRefusal, SendsTheClaimsOfOneTurnAsOne) {
  make_available();
  std::vector<history::Fence> fences;
  for (std::size_t i = 0; i <= batch_events_max; ++i) {
    store->claim("sid", [&](auto result) { fences.push_back(result.value()); });
  }
  wait_calls(2);
  EXPECT_EQ(count_of("socket:events:claim:sid", peer().received), batch_events_max + 1);
  std::string numbers;
  for (std::size_t i = 0; i < batch_events_max; ++i) numbers += bulk(std::to_string(100 + i));
  answer("*64\r\n" + numbers + "*1\r\n" + bulk("7"));
  wait([&] { return fences.size() == batch_events_max + 1; });
  EXPECT_EQ(fences.front(), 100U);
  EXPECT_EQ(fences.back(), 7U);
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
    EXPECT_THAT(lines, testing::ElementsAre(testing::StartsWith("Redis is unavailable why="),
                                            "Redis is available again"));
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
  EXPECT_THAT(lines, testing::ElementsAre("Redis is unavailable why=refused INFO (NOPERM)"));
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
