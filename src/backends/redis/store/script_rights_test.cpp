// A right that is withdrawn while a gateway runs: an event is stored and heard, or neither.

#include "backends/redis/client/connection.hpp"
#include "backends/redis/client/reply.hpp"
#include "backends/redis/store/script.hpp"
#include "tests/support/redis_server.hpp"

#include <algorithm>
#include <chrono>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::redis {
namespace {

using std::chrono::milliseconds;

class RedisServerRights : public testing::Test {
 protected:
  void SetUp() override {
    allow_all();
    server().command({"FLUSHALL"});
  }
  void TearDown() override { allow_all(); }

  static TestServer& server() {
    static TestServer one;
    return one;
  }
  /// Its right to administer stays.
  static void set_user(std::vector<std::string> rules) {
    rules.insert(rules.begin(), {"ACL", "SETUSER", "default"});
    ASSERT_EQ(server().command(rules)->type, REDIS_REPLY_STATUS);
  }
  static void allow_all() { set_user({"+@all", "allkeys", "allchannels"}); }

  /// What one call for all is answered.
  TestServer::Reply call(const std::vector<history::AppendRequest>& requests) {
    batch = {"batch-" + std::to_string(++calls), milliseconds(60'000), {}};
    for (const auto& request : requests) batch.requests.push_back(&request);
    auto arguments = append_arguments(names, context, retention, batch);
    arguments.insert(arguments.begin(), {"EVAL", append_script()});
    return server().command(arguments);
  }
  std::vector<AppendResult> append_all(const std::vector<history::AppendRequest>& requests) {
    return append_results(*call(requests), batch).value_or(std::vector<AppendResult>());
  }
  static history::AppendRequest request(std::string program, std::string token = {}) {
    return {std::move(program), Bytes(std::string("{}")), std::move(token)};
  }
  std::optional<history::Appended> append(const std::string& program,
                                          const std::string& token = {}) {
    const auto results = append_all({request(program, token)});
    if (results.empty() || !results[0]) return std::nullopt;
    return *results[0];
  }
  history::Kept read(const std::string& program) {
    const std::vector<history::ReadRequest> requests = {{program, 0, 0}};
    auto arguments = read_arguments(names, context, retention, requests);
    arguments.insert(arguments.begin(), {"EVAL", read_script()});
    return read_result(*server().command(arguments), requests)->programs[0];
  }

  const Names names{0, false};
  const CallContext context{"run-1", "epoch--1"};
  history::Retention retention;
  AppendBatch batch;
  int calls = 0;
};

TEST_F(RedisServerRights, StoresNothingThatMayNotBePublished) {
  const auto first = append("p");
  for (const char* rule : {"-publish", "resetchannels"}) {
    set_user({rule});
    const auto reply = call({request("p", "t"), request("p")});
    EXPECT_EQ(answer_of(*reply), Answer::failed) << rule << ": " << error_text(*reply);
    EXPECT_EQ(server().text({"EXISTS", names.batch(batch.id), names.token("p", "t")}), "0") << rule;
    allow_all();
    const history::Kept kept = read("p");
    ASSERT_FALSE(kept.records.empty());
    EXPECT_GT(kept.top, kept.records.back().gid) << "a hole: whoever comes back is told";
  }
  const auto next = append("p", "t");
  ASSERT_TRUE(next.has_value());
  EXPECT_FALSE(next->repeated) << "the token is not bound to what nobody got";
  const history::Kept kept = read("p");
  EXPECT_EQ(kept.records.back().gid, next->position.gid);
  EXPECT_GT(kept.records.back().prev, kept.records[kept.records.size() - 2].gid);
  EXPECT_EQ(next->position.epoch, first->position.epoch);
}

TEST_F(RedisServerRights, FailsTheEventsOfAChannelThatIsRefusedAlone) {
  const auto before = append("q", "old");
  set_user({"resetchannels", "&" + names.program_channel("p")});
  const auto results = append_all(
      {request("p"), request("q", "t"), request("q", "old"), request("p", "t"), request("q", "t")});
  const auto again = append_all({request("q", "old")});
  ASSERT_EQ(results.size(), 5U);
  EXPECT_EQ(results[0]->position.seq, 1U);
  EXPECT_EQ(results[1].error(), history::StoreError::unavailable);
  EXPECT_EQ(results[2]->position, before->position) << "that one was heard";
  EXPECT_EQ(results[3]->position.seq, 2U);
  EXPECT_EQ(results[4].error(), history::StoreError::unavailable);
  ASSERT_EQ(again.size(), 1U);
  ASSERT_TRUE(again[0]) << static_cast<int>(again[0].error());
  EXPECT_TRUE(again[0]->repeated);
  allow_all();
  EXPECT_EQ(read("p").records.size(), 2U);
  EXPECT_EQ(read("p").top, results[3]->position.gid);
  EXPECT_GT(read("q").top, read("q").records.back().gid);
  const auto next = append("q", "t");
  ASSERT_TRUE(next.has_value()) << "also within a millisecond";
  EXPECT_FALSE(next->repeated);
  EXPECT_TRUE(append("p", "t")->repeated);
}

TEST_F(RedisServerRights, CountsNothingThatItCouldNotWriteInFull) {
  retention.events_max = 3;
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(append("p").has_value());
  for (const char* rule : {"-zadd", "-pexpire", "-zremrangebyrank", "-zrange", "-set", "-hset",
                           "-hset -del", "-hset -zremrangebyrank"}) {
    const auto top = append("p");
    ASSERT_TRUE(top.has_value()) << rule;
    // The numbers run ahead of the clock, so that it alone does not keep them apart.
    server().command(
        {"HSET", "socket:events:meta", "last", std::to_string(top->position.gid + 900'000)});
    std::vector<std::string> rules;
    for (std::string_view rest = rule; !rest.empty();) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      rules.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    set_user(rules);
    const auto reply = call({request("p", rule), request(rule)});
    EXPECT_EQ(answer_of(*reply), Answer::failed) << rule << ": " << error_text(*reply);
    allow_all();
    EXPECT_EQ(read("p").top, top->position.gid) << rule;
    for (const history::Record& record : read("p").records) {
      EXPECT_LE(record.gid, top->position.gid) << rule;
    }
    EXPECT_EQ(read(rule).top, 0U) << rule;
    const auto next = append("p", std::string(rule) + " again");
    ASSERT_TRUE(next.has_value()) << rule;
    EXPECT_EQ(next->prev, top->position.gid) << rule;
    EXPECT_EQ(next->position.seq, top->position.seq + 1) << rule;
    const auto records = read("p").records;
    EXPECT_EQ(records.back().gid, next->position.gid) << rule;
    EXPECT_EQ(records.back().prev, next->prev) << rule;
    EXPECT_FALSE(append("p", rule)->repeated) << rule;
  }
}

TEST_F(RedisServerRights, AcceptsWhatWasHeardThoughItMayNotForget) {
  ASSERT_TRUE(append("p").has_value());
  for (const char* rule : {"-hscan", "-hdel", "-hget"}) {
    const auto time = server().command({"TIME"});
    const std::int64_t clock = std::stoll(time->element[0]->str) * 1'000'000;
    server().command({"HSET", "socket:events:meta", "last", std::to_string(clock - 2'000'000),
                      "program:old", "1 " + std::to_string(clock - 9'000'000'000) + " 0"});
    set_user({rule});
    const auto appended = append("p");
    allow_all();
    EXPECT_TRUE(appended.has_value()) << rule;
    const bool kept = std::string_view(rule) != "-hget";
    EXPECT_EQ(server().text({"HEXISTS", "socket:events:meta", "program:old"}), kept ? "1" : "0");
  }
}

}  // namespace
}  // namespace crier::redis
