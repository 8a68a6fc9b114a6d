#include "backends/redis/store/history.hpp"

#include "backends/redis/store/script.hpp"
#include "history/memory_store.hpp"
#include "tests/contract/history_contract.hpp"
#include "tests/contract/sessions_contract.hpp"
#include "tests/support/redis_server.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
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

/// What the log was told, one line each.
struct Log {
  std::vector<std::string> lines;

  LogSink sink() {
    return [this](LogLevel, std::string_view message, std::initializer_list<LogField> fields) {
      std::string line(message);
      for (const LogField& field : fields) {
        if (field.key != "server") line += " " + std::string(field.key) + "=" + field.value;
      }
      lines.push_back(line);
    };
  }
};

Options quick(const TestServer& server, const std::string& credentials = {}) {
  Options options;
  options.connection.url = server.url(credentials);
  options.connection.retry_min = milliseconds(5);
  options.connection.retry_max = milliseconds(40);
  return options;
}

std::unique_ptr<history::HistoryStore> open(net::Loop& loop, const Options& options,
                                            const history::Retention& retention, LogSink log) {
  return open_history(loop, options, retention, Random::secure(), std::move(log)).value();
}

/// One server for the whole contract; each test begins with an empty one.
struct RedisSubject {
  static constexpr milliseconds ttl{300};

  static TestServer& server() {
    static TestServer one;
    return one;
  }
  void open(const history::Retention& retention) {
    server().command({"FLUSHALL"});
    opened = redis::open(loop, quick(server()), retention, {});
    wait([&] { return opened->available(); });
  }
  void close() { opened.reset(); }
  history::HistoryStore& store() { return *opened; }
  history::EventLog& log() { return *opened; }
  template <class Predicate>
  void wait(Predicate holds) {
    ASSERT_TRUE(turn_until(loop, holds));
  }
  template <class Predicate>
  bool eventually_expired(Predicate holds) {
    const TimePoint deadline = loop.now() + std::chrono::seconds(20);
    while (loop.now() < deadline) {
      if (holds()) return true;
    }
    return false;
  }

  net::Loop loop;
  std::unique_ptr<history::HistoryStore> opened;
};

}  // namespace
}  // namespace crier::redis

namespace crier::history {
INSTANTIATE_TYPED_TEST_SUITE_P(RedisServer, HistoryContract, redis::RedisSubject);
INSTANTIATE_TYPED_TEST_SUITE_P(RedisServer, SessionsContract, redis::RedisSubject);
}  // namespace crier::history

namespace crier::redis {
namespace {

class RedisServerOutage : public testing::Test {
 protected:
  using Outcome = Result<Appended, StoreError>;

  void open(const Options& options, const history::Retention& retention = {}) {
    store = redis::open(loop, options, retention, log.sink());
  }
  void open() {
    open(quick(server));
    wait_available();
  }
  template <class Predicate>
  void wait(Predicate holds) {
    ASSERT_TRUE(turn_until(loop, holds));
  }
  void wait_available() {
    wait([&] { return store->available(); });
  }
  void wait_unavailable() {
    wait([&] { return !store->available(); });
  }

  [[nodiscard]] std::string body_of(int n) const {
    return "{\"n\":" + std::to_string(n) + ",\"padding\":\"" + padding + "\"}";
  }

  /// Appends `count` events; their outcomes come to `outcomes`, in the order reported.
  void begin_appends(int count, const std::string& program = "p") {
    for (int i = 0; i < count; ++i) {
      store->append({program, Bytes(body_of(++begun)), ""},
                    [&](Outcome outcome) { outcomes.push_back(std::move(outcome)); });
    }
  }
  Outcome append(const std::string& program = "p", const std::string& token = {}) {
    std::optional<Outcome> outcome;
    store->append({program, Bytes(std::string("{}")), token},
                  [&](Outcome result) { outcome = std::move(result); });
    wait([&] { return outcome.has_value(); });
    return *outcome;
  }
  Result<ReadReply, StoreError> read(std::vector<history::ReadRequest> requests) {
    std::optional<Result<ReadReply, StoreError>> reply;
    store->read(std::move(requests), [&](auto result) { reply = std::move(result); });
    wait([&] { return reply.has_value(); });
    return *reply;
  }

  /// Every append was reported, in gid order, and is kept exactly once.
  void expect_all_kept_once(int count, const std::string& program = "p") {
    ASSERT_EQ(outcomes.size(), static_cast<std::size_t>(count));
    const auto reply = read({{program, 0, 0}});
    ASSERT_TRUE(reply.has_value());
    const std::vector<history::Record>& records = reply->programs.at(0).records;
    ASSERT_EQ(records.size(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(outcomes[i].has_value()) << i;
      EXPECT_EQ(outcomes[i]->position.gid, records[i].gid) << i;
      EXPECT_FALSE(outcomes[i]->repeated) << i;
      EXPECT_EQ(records[i].body.view(), body_of(i + 1));
    }
  }

  TestServer server{{}};
  net::Loop loop;
  Log log;
  std::unique_ptr<history::HistoryStore> store;
  std::vector<Outcome> outcomes;
  int begun = 0;
  std::string padding;
};

TEST_F(RedisServerOutage, FailsAtOnceBeforeTheFirstConnection) {
  open(quick(server));
  EXPECT_FALSE(store->available());
  std::optional<Outcome> outcome;
  store->append({"p", Bytes(std::string("{}")), ""}, [&](Outcome o) { outcome = std::move(o); });
  ASSERT_TRUE(outcome.has_value()) << "before append() returns";
  EXPECT_EQ(outcome->error(), StoreError::unavailable);
  wait_available();
  EXPECT_TRUE(append().has_value());
  EXPECT_TRUE(log.lines.empty()) << "nothing was lost";
}

TEST_F(RedisServerOutage, ComesBackAfterTheServerWasKilled) {
  open();
  const Outcome before = append();
  server.kill();
  wait_unavailable();
  EXPECT_EQ(append().error(), StoreError::unavailable);
  EXPECT_EQ(read({{"p", 0, 0}}).error(), StoreError::unavailable);
  server.restart();
  wait_available();
  const Outcome after = append();
  EXPECT_NE(after->position.epoch, before->position.epoch) << "the data is gone";
  EXPECT_EQ(after->position.seq, 1U);
  EXPECT_GT(after->position.gid, before->position.gid);
  EXPECT_THAT(log.lines, testing::ElementsAre(testing::StartsWith("Redis is unavailable why="),
                                              "Redis is available again"));
}

TEST_F(RedisServerOutage, SaysOnceThatTheServerIsNotThere) {
  server.kill();
  open(quick(server));
  wait([&] { return !log.lines.empty(); });
  turn_until(loop, [] { return false; }, milliseconds(200));
  EXPECT_EQ(log.lines.size(), 1U);
  server.restart();
  wait_available();
  EXPECT_EQ(log.lines.size(), 2U);
}

TEST_F(RedisServerOutage, TakesARestartWithItsDataForANewEpoch) {
  TestServer durable({"--appendonly", "yes", "--appendfsync", "always"});
  open(quick(durable));
  wait_available();
  const Outcome before = append("p", "token");
  durable.restart();
  wait([&] { return log.lines.size() == 2; });
  wait_available();
  const auto reply = read({{"p", 0, 0}});
  EXPECT_NE(reply->epoch, before->position.epoch);
  EXPECT_GE(reply->floor, before->position.gid);
  EXPECT_EQ(durable.text({"ZCARD", Names(0, false).program("p")}), "1") << "its data is there";
  EXPECT_TRUE(reply->programs[0].records.empty()) << "clients know it by the id that it had";
  EXPECT_EQ(append("p", "token")->position, before->position) << "tokens are data too";
  const Outcome after = append();
  EXPECT_EQ(after->position.epoch, reply->epoch);
  EXPECT_EQ(after->position.seq, 2U);
  EXPECT_EQ(after->prev, before->position.gid);
  EXPECT_GT(after->position.gid, reply->floor);
}

TEST_F(RedisServerOutage, KeepsTheEpochOverALostConnection) {
  open();
  const Outcome before = append();
  server.command({"CLIENT", "KILL", "TYPE", "normal"});
  wait_unavailable();
  wait_available();
  EXPECT_EQ(append()->position.epoch, before->position.epoch);
}

TEST_F(RedisServerOutage, TakesLostDataForANewEpochOnTheSameConnection) {
  open();
  const Outcome first = append();
  server.command({"FLUSHALL"});
  const Outcome second = append();
  EXPECT_NE(second->position.epoch, first->position.epoch);
  EXPECT_EQ(second->position.seq, 1U);
  EXPECT_GT(second->position.gid, first->position.gid);
  server.command({"FLUSHALL"});
  EXPECT_NE(append()->position.epoch, second->position.epoch);
  EXPECT_TRUE(store->available());
}

TEST_F(RedisServerOutage, TakesLostNumbersForANewEpochAndDropsWhatTheyNumbered) {
  open();
  const Outcome first = append();
  EXPECT_TRUE(append().has_value());
  server.command({"DEL", "socket:events:meta"});
  const auto reply = read({{"p", 0, 0}});
  EXPECT_NE(reply->epoch, first->position.epoch);
  const Outcome after = append();
  EXPECT_EQ(after->position.seq, 1U);
  EXPECT_EQ(read({{"p", 0, 0}})->programs[0].records.size(), 1U);
}

TEST_F(RedisServerOutage, LosesAndRepeatsNothingWhenConnectionsDieUnderAPipeline) {
  constexpr int rounds_min = 10;
  constexpr int rounds_max = 200;  // where the cut falls is the machine's choice
  constexpr int burst = 3 * static_cast<int>(batch_events_max);  // full ones leave at once
  padding = std::string(2000, 'x');  // the server takes 16 KiB at a time
  open(quick(server), {.events_max = rounds_max * burst, .bytes_max = 1024 * 1024 * 1024});
  wait_available();
  int cut_in_the_middle = 0;
  int round = 0;
  for (; round < rounds_min || (cut_in_the_middle == 0 && round < rounds_max); ++round) {
    begin_appends(burst);
    loop.post([this] { loop.stop(); });  // all is written, no answer read
    loop.run();
    server.command({"CLIENT", "KILL", "TYPE", "normal"});
    const int carried_out = std::stoi(server.text({"ZCARD", "socket:events:program:p"}));
    if (carried_out > round * burst && carried_out < begun) ++cut_in_the_middle;
    wait([&] { return outcomes.size() == static_cast<std::size_t>(begun); });
    wait_available();
  }
  EXPECT_GT(cut_in_the_middle, 0) << "the test tests nothing";
  expect_all_kept_once(round * burst);
}

TEST_F(RedisServerOutage, LosesAndRepeatsNothingWhenTheServerHangs) {
  Options options = quick(server);
  options.connection.command_timeout = milliseconds(50);
  options.append_deadline = std::chrono::seconds(20);
  open(options);
  wait_available();
  begin_appends(1);
  wait([&] { return outcomes.size() == 1; });
  server.pause();
  begin_appends(10);
  wait_unavailable();
  EXPECT_EQ(outcomes.size(), 1U) << "nothing is said of what is unknown";
  server.resume();
  wait_available();
  begin_appends(10);
  wait([&] { return outcomes.size() == 21; });
  expect_all_kept_once(21);
}

TEST_F(RedisServerOutage, SaysUnknownWhenTheDeadlinePasses) {
  Options options = quick(server);
  options.connection.command_timeout = milliseconds(20);
  options.append_deadline = milliseconds(100);
  open(options);
  wait_available();
  server.pause();
  begin_appends(3);
  wait([&] { return outcomes.size() == 3; });
  for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome.error(), StoreError::unknown);
  EXPECT_FALSE(store->available());
  server.resume();
  wait_available();
  EXPECT_TRUE(append().has_value());
}

TEST_F(RedisServerOutage, FailsReadsInFlightWhenTheConnectionIsLost) {
  Options options = quick(server);
  options.connection.command_timeout = milliseconds(50);
  open(options);
  wait_available();
  server.pause();
  EXPECT_EQ(read({{"p", 0, 0}}).error(), StoreError::unavailable);
  EXPECT_FALSE(store->available());
  server.resume();
}

TEST_F(RedisServerOutage, LoadsItsScriptsAgainWithoutChangingTheOrder) {
  open();
  begin_appends(1);
  wait([&] { return outcomes.size() == 1; });
  std::optional<Result<ReadReply, StoreError>> reply;
  server.command({"SCRIPT", "FLUSH"});
  begin_appends(10);
  store->read({{"p", 0, 0}}, [&](auto result) { reply = std::move(result); });
  wait([&] { return outcomes.size() >= 2; });
  begin_appends(10);
  wait([&] { return outcomes.size() == 21 && reply.has_value(); });
  EXPECT_TRUE(reply->has_value());
  expect_all_kept_once(21);
  EXPECT_TRUE(log.lines.empty()) << "that is no outage";
}

TEST_F(RedisServerOutage, ReadsAfterItsScriptsWereLost) {
  open();
  EXPECT_TRUE(append().has_value());
  server.command({"SCRIPT", "FLUSH"});
  EXPECT_EQ(read({{"p", 0, 0}})->programs[0].records.size(), 1U);
}

TEST_F(RedisServerOutage, IsUnavailableWhileTheServerTakesNoWrites) {
  open();
  EXPECT_TRUE(append().has_value());
  server.command({"REPLICAOF", "127.0.0.1", "1"});
  wait([&] { return append().error() == StoreError::unavailable; });
  EXPECT_FALSE(store->available());
  server.command({"REPLICAOF", "NO", "ONE"});
  wait_available();
  EXPECT_TRUE(append().has_value());
  EXPECT_EQ(log.lines.size(), 2U);
}

TEST_F(RedisServerOutage, IsUnavailableWhileMemoryIsFull) {
  open();
  EXPECT_TRUE(append().has_value());
  server.command({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_EQ(append().error(), StoreError::unavailable);
  EXPECT_FALSE(store->available());
  server.command({"CONFIG", "SET", "maxmemory", "0"});
  wait_available();
  EXPECT_TRUE(append().has_value());
  EXPECT_THAT(log.lines,
              testing::ElementsAre(
                  testing::StartsWith("Redis is unavailable why=refused a call (OOM command not"),
                  "Redis is available again"));
}

TEST_F(RedisServerOutage, AnswersEachAppendOfAPipelineThatIsRefused) {
  open();
  server.command({"CONFIG", "SET", "maxmemory", "1"});
  begin_appends(10);
  wait([&] { return outcomes.size() == 10; });
  for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome.error(), StoreError::unavailable);
}

TEST_F(RedisServerOutage, FailsOneProgramWhoseKeyIsSomethingElse) {
  open();
  server.command({"SET", "socket:events:program:odd", "x"});
  EXPECT_EQ(append("odd").error(), StoreError::unavailable);
  EXPECT_EQ(append("odd").error(), StoreError::unavailable);
  EXPECT_TRUE(store->available());
  EXPECT_TRUE(append("even").has_value());
  EXPECT_THAT(log.lines, testing::ElementsAre(testing::StartsWith(
                             "Redis failed a call error=the key or the numbers of program odd")));
}

TEST_F(RedisServerOutage, ReadsTheOthersWhenOneProgramsKeyIsSomethingElse) {
  open();
  ASSERT_TRUE(append("odd").has_value());
  ASSERT_TRUE(append("even").has_value());
  server.command({"DEL", "socket:events:program:odd"});
  server.command({"SET", "socket:events:program:odd", "x"});
  const auto reply = read({{"odd", 0, 0}, {"even", 0, 0}, {"odd", 0, 5}});
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->programs[0].records.size(), 0U);
  EXPECT_NE(reply->programs[0].top, 0U);
  EXPECT_TRUE(reply->programs[0].broken);
  EXPECT_FALSE(reply->programs[1].broken);
  EXPECT_EQ(reply->programs[1].records.size(), 1U);
  EXPECT_EQ(reply->programs[2].records.size(), 0U);
}

TEST_F(RedisServerOutage, PassesOverEntriesThatAreNotEvents) {
  open();
  const Outcome first = append();
  const std::string above = std::to_string(first->position.gid + 1);
  server.command({"ZADD", "socket:events:program:p", above, "{\"event\":\"foreign\"}"});
  server.command({"ZADD", "socket:events:program:p", "1700000000000", "older"});
  const auto reply = read({{"p", 0, 0}});
  ASSERT_EQ(reply->programs[0].records.size(), 1U);
  EXPECT_EQ(reply->programs[0].top, first->position.gid);
  EXPECT_TRUE(append().has_value());
}

TEST_F(RedisServerOutage, NeedsTheRightPassword) {
  TestServer guarded({"--requirepass", "hunter2"});
  open(quick(guarded, ":hunter3@"));
  wait([&] { return !log.lines.empty(); });
  EXPECT_FALSE(store->available());
  EXPECT_THAT(log.lines, testing::ElementsAre(testing::StartsWith(
                             "Redis is unavailable why=refused AUTH (WRONGPASS invalid")));
  open(quick(guarded));
  wait([&] { return log.lines.size() == 2; });
  EXPECT_EQ(log.lines[1],
            "Redis is unavailable why=refused INFO (NOAUTH Authentication required.)");
  open(quick(guarded, ":hunter2@"));
  wait_available();
  EXPECT_TRUE(append().has_value());
}

TEST_F(RedisServerOutage, UsesTheUserAndTheDatabaseOfTheUrl) {
  server.command(
      {"ACL", "SETUSER", "crier", "on", ">p@ss", "+@all", "~socket:events:*", "&socket:events:*"});
  Options options = quick(server, "crier:p%40ss@");
  options.connection.url += "/3";
  open(options);
  wait_available();
  EXPECT_TRUE(append().has_value());
  EXPECT_EQ(server.text({"EXISTS", "socket:events:meta"}), "0");
  EXPECT_THAT(server.text({"INFO", "keyspace"}), testing::HasSubstr("db3:keys=3"));
}

TEST_F(RedisServerOutage, NeedsLeaveToUseItsKeys) {
  server.command({"ACL", "SETUSER", "crier", "on", ">pass", "+@all", "~other:*", "&*"});
  open(quick(server, "crier:pass@"));
  wait([&] { return !log.lines.empty(); });
  EXPECT_THAT(
      log.lines,
      testing::ElementsAre(testing::StartsWith("Redis is unavailable why=refused HSET (NOPERM ")));
}

/// Everything but the numbers' values, which depend on the clock.
std::string shape(const ReadReply& reply) {
  std::string text;
  for (const history::Kept& kept : reply.programs) {
    text += kept.program + (kept.top == 0 ? " none" : "");
    for (const history::Record& record : kept.records) {
      text += ' ' + std::to_string(record.seq) + std::string(record.body.view());
    }
    text += '\n';
  }
  return text;
}

TEST_F(RedisServerOutage, KeepsTheSameAsTheMemoryStore) {
  const history::Retention retention{.events_max = 7, .bytes_max = 150};
  open(quick(server), retention);
  wait_available();
  WallTime clock = 1'700'000'000'000'000;
  history::MemoryStore memory(retention, [&clock] { return clock += 700; }, Random::seeded(1));
  Random random = Random::seeded(11);
  for (int i = 0; i < 1500; ++i) {
    const std::string program(1, static_cast<char>('a' + random.number() % 4));
    if (random.number() % 3 != 0) {
      const auto key = static_cast<std::size_t>(i) + 9 - random.number() % 9;
      const std::string token = random.number() % 2 == 0 ? std::to_string(key) : "";
      const std::size_t other = random.number() % 4 == 0 ? 1 : 0;
      const std::string body = "{\"n\":\"" + std::string(key * 7 % 60 + other, 'x') + "\"}";
      std::optional<Outcome> expected;
      memory.append({program, Bytes(body), token}, [&](Outcome o) { expected = std::move(o); });
      std::optional<Outcome> outcome;
      store->append({program, Bytes(body), token}, [&](Outcome o) { outcome = std::move(o); });
      wait([&] { return outcome.has_value(); });
      ASSERT_EQ(outcome->has_value(), expected->has_value()) << i;
      if (!outcome->has_value()) {
        ASSERT_EQ(outcome->error(), expected->error()) << i;
        continue;
      }
      ASSERT_EQ((*outcome)->position.seq, (*expected)->position.seq) << i;
      ASSERT_EQ((*outcome)->repeated, (*expected)->repeated) << i;
    } else {
      const auto newest_max = static_cast<std::uint32_t>(random.number() % 4);
      const std::vector<history::ReadRequest> requests = {{program, 0, newest_max}, {"e", 0, 0}};
      std::string expected;
      memory.read(requests, [&](auto reply) { expected = shape(*reply); });
      ASSERT_EQ(shape(*read(requests)), expected) << i;
    }
  }
}

TEST_F(RedisServerOutage, SharesOneOrderAmongNodes) {
  open();
  const auto other = redis::open(loop, quick(server), {}, {});
  wait([&] { return other->available(); });
  std::vector<history::EventNumbers> positions;
  for (int i = 0; i < 20; ++i) {
    history::HistoryStore& node = i % 2 == 0 ? *store : *other;
    std::optional<Outcome> outcome;
    node.append({"p", Bytes(std::string("{}")), ""}, [&](Outcome o) { outcome = std::move(o); });
    wait([&] { return outcome.has_value(); });
    positions.push_back((*outcome)->position);
  }
  for (std::size_t i = 0; i < positions.size(); ++i) {
    EXPECT_EQ(positions[i].epoch, positions[0].epoch);
    EXPECT_EQ(positions[i].seq, i + 1);
    if (i > 0) {
      EXPECT_GT(positions[i].gid, positions[i - 1].gid);
    }
  }
}

TEST_F(RedisServerOutage, TellsARepeatFromItsOwnRetry) {
  open();
  const auto other = redis::open(loop, quick(server), {}, {});
  wait([&] { return other->available(); });
  const Outcome first = append("p", "key");
  std::optional<Outcome> again;
  other->append({"p", Bytes(std::string("{}")), "key"}, [&](Outcome o) { again = std::move(o); });
  wait([&] { return again.has_value(); });
  EXPECT_TRUE((*again)->repeated);
  EXPECT_EQ((*again)->position, first->position);
}

TEST_F(RedisServerOutage, MayBeDestroyedWithCallsInFlightOrFromAnAnswer) {
  open();
  begin_appends(3);
  store.reset();
  turn_until(loop, [] { return true; });
  EXPECT_TRUE(outcomes.empty());

  open();
  store->append({"p", Bytes(std::string("{}")), ""}, [&](Outcome) { store.reset(); });
  store->append({"p", Bytes(std::string("{}")), ""}, [&](Outcome o) { outcomes.push_back(o); });
  wait([&] { return store == nullptr; });
  EXPECT_TRUE(outcomes.empty());

  open();
  server.pause();
  store->read({}, [&](auto) { store.reset(); });
  store->read({}, [](auto) {});
  server.kill();
  wait([&] { return store == nullptr; });
}

TEST(RedisHistory, RefusesAUrlWithoutRepeatingIt) {
  net::Loop loop;
  Options options;
  options.connection.url = "redis://hunter2@h";
  const auto store = open_history(loop, options, {}, Random::seeded(1), {});
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace crier::redis

/// Tests that need a server are named RedisServer…, RedisTls, RedisSentinel or RedisCluster;
/// without redis-server the others run, and the line below says so.
int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (!crier::redis::TestServer::installed()) {
    std::puts("NOT RUN: redis-server");
    testing::GTEST_FLAG(filter) = "-*RedisServer*:RedisTls.*:RedisSentinel.*:RedisCluster.*";
  }
  return RUN_ALL_TESTS();
}
