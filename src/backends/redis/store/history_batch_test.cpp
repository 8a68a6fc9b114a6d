// Which calls leave together, and what becomes of them.

#include "backends/redis/store/script.hpp"
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

}  // namespace
}  // namespace crier::redis
