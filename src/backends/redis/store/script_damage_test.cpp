// What others wrote into the hash of numbers: it stops neither what it does not concern, nor
// anything for ever.

#include "backends/redis/store/history.hpp"
#include "backends/redis/store/script.hpp"
#include "tests/support/redis_server.hpp"

#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace crier::redis {
namespace {

using std::chrono::milliseconds;

class RedisServerDamage : public testing::Test {
 protected:
  void SetUp() override { server().command({"FLUSHALL"}); }

  static TestServer& server() {
    static TestServer one;
    return one;
  }
  std::vector<AppendResult> append_all(const std::vector<history::AppendRequest>& requests) {
    AppendBatch batch{"batch-" + std::to_string(++calls), milliseconds(60'000), {}};
    for (const auto& request : requests) batch.requests.push_back(&request);
    auto arguments = append_arguments(names, context, retention, batch);
    arguments.insert(arguments.begin(), {"EVAL", append_script()});
    return append_results(*server().command(arguments), batch)
        .value_or(std::vector<AppendResult>());
  }
  static history::AppendRequest request(std::string program) {
    return {std::move(program), Bytes(std::string("{}")), {}};
  }
  std::optional<history::Appended> append(const std::string& program) {
    const auto results = append_all({request(program)});
    if (results.empty() || !results[0]) return std::nullopt;
    return *results[0];
  }
  std::optional<history::ReadReply> read(const std::vector<history::ReadRequest>& requests) {
    auto arguments = read_arguments(names, context, retention, requests);
    arguments.insert(arguments.begin(), {"EVAL", read_script()});
    return read_result(*server().command(arguments), requests);
  }
  static void set_meta(const std::string& field, const std::string& value) {
    server().command({"HSET", "socket:events:meta", field, value});
  }
  static std::string meta(const std::string& field) {
    return server().text({"HGET", "socket:events:meta", field});
  }

  const Names names{0, false};
  CallContext context{"run-1", "epoch--1"};
  history::Retention retention;
  int calls = 0;
};

TEST_F(RedisServerDamage, AProgramsFieldThatMakesNoSenseIsItsOwnTrouble) {
  const char* const fields[] = {
      "999999999999999999999 5 0",
      "5 99999999999999999 0",
      "5 9007199254740991 0",
      "5 9007199254740993 0",
      "5 5 999999999999999999",
      "1 2",
      "",
      "5 0 0",
      "5 05 0",
      "-1 5 0",
      "5 5 -1",
      "5 5 0 ",
      "5 1e3 0",
  };
  for (const char* field : fields) {
    ASSERT_TRUE(append("good").has_value());
    set_meta("program:bad", field);
    const auto results = append_all({request("bad"), request("good"), request("bad")});
    ASSERT_EQ(results.size(), 3U) << field;
    EXPECT_EQ(results[0].error(), history::StoreError::unavailable) << field;
    ASSERT_TRUE(results[1].has_value()) << field;
    EXPECT_EQ(results[1]->position.epoch, "epoch--1") << field;
    EXPECT_EQ(results[2].error(), history::StoreError::unavailable) << field;
    const auto reply = read({{"bad", 0, 0}, {"good", 0, 0}});
    ASSERT_TRUE(reply.has_value()) << field;
    EXPECT_TRUE(reply->programs[0].broken) << field;
    EXPECT_FALSE(reply->programs[1].broken) << field;
    EXPECT_EQ(reply->programs[1].top, results[1]->position.gid) << field;
    EXPECT_EQ(meta("program:bad"), field);
  }
  server().command({"HDEL", "socket:events:meta", "program:bad"});
  EXPECT_TRUE(append("bad").has_value());
}

TEST_F(RedisServerDamage, AnEpochOrANumberThatMakesNoSenseBeginsAnEpoch) {
  struct Case {
    const char* field;
    const char* value;
  };
  const Case cases[] = {
      {"last", "abc"},
      {"last", "-5"},
      {"last", "9007199254740993"},
      {"last", "9007199254740991"},
      {"last", "1e300"},
      {"last", "inf"},
      {"last", "nan"},
      {"floor", "abc"},
      {"floor", "-1"},
      {"floor", "1e300"},
      {"epoch", ""},
      {"epoch", "x y"},
      {"epoch", "epoch--"},
      {"epoch", "epoch--12"},
  };
  for (const bool reads : {false, true}) {
    for (const Case& c : cases) {
      server().command({"FLUSHALL"});
      context = {"run-1", "epoch--1"};
      const auto before = append("p");
      context = {"run-1", "epoch--2", before->position.gid, "epoch--1", before->position.gid};
      set_meta(c.field, c.value);
      if (reads) {
        const auto reply = read({{"p", 0, 0}});
        ASSERT_TRUE(reply.has_value()) << c.field << " " << c.value;
        EXPECT_EQ(reply->epoch, "epoch--2") << c.field << " " << c.value;
        EXPECT_GE(reply->floor, before->position.gid);
        EXPECT_EQ(reply->programs[0].top, before->position.gid) << "a cursor before it has a gap";
        EXPECT_TRUE(reply->programs[0].records.empty()) << "it had an id of the epoch before";
      }
      const auto after = append("p");
      ASSERT_TRUE(after.has_value()) << c.field << " " << c.value;
      EXPECT_EQ(after->position.epoch, "epoch--2") << c.field << " " << c.value;
      EXPECT_GT(after->position.gid, before->position.gid);
      EXPECT_EQ(after->prev, before->position.gid);
      context = {"run-1", "epoch--3", after->position.gid, "epoch--2", after->position.gid};
      EXPECT_EQ(append("p")->position.epoch, "epoch--2") << "once";
    }
  }
}

TEST_F(RedisServerDamage, ForgetsNoProgramByAFieldThatMakesNoSense) {
  ASSERT_TRUE(append("p").has_value());
  set_meta("program:odd", "999999999999999999999 5 0");
  set_meta("scan", "99999999999999999999999");
  const auto time = server().command({"TIME"});
  set_meta("last", std::to_string((std::stoll(time->element[0]->str) - 2) * 1'000'000));
  ASSERT_TRUE(append("p").has_value());
  EXPECT_EQ(meta("program:odd"), "999999999999999999999 5 0");
  EXPECT_EQ(meta("scan"), "0");
}

TEST_F(RedisServerDamage, AStoreIsNotAvailableWhileTheKeyHasAnotherType) {
  net::Loop loop;
  Options options{.connection = {.retry_min = milliseconds(5), .retry_max = milliseconds(40)}};
  options.connection.url = server().url();
  const auto store = open_history(loop, options, {}, Random::secure(), {}).value();
  for (const bool reads : {false, true}) {
    ASSERT_TRUE(turn_until(loop, [&] { return store->available(); }));
    server().command({"DEL", "socket:events:meta"});
    server().command({"LPUSH", "socket:events:meta", "x"});
    std::optional<history::StoreError> error;
    const auto take = [&](const auto& result) { error = result.error(); };
    if (reads) {
      store->read({{"p", 0, 0}}, take);
    } else {
      store->append(request("p"), take);
    }
    ASSERT_TRUE(turn_until(loop, [&] { return error.has_value(); }));
    EXPECT_EQ(*error, history::StoreError::unavailable);
    EXPECT_FALSE(store->available());
    EXPECT_FALSE(turn_until(
        loop, [&] { return store->available(); }, milliseconds(200)))
        << "a new connection finds it, too";
    server().command({"DEL", "socket:events:meta"});
  }
  EXPECT_TRUE(turn_until(loop, [&] { return store->available(); }));
}

}  // namespace
}  // namespace crier::redis
