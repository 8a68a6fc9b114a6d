// What a store makes of the ids that clients hold, on real servers.

#include "backends/redis/store/history.hpp"
#include "tests/support/redis_server.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>

namespace crier::redis {
namespace {

using history::Appended;
using history::Epoch;

class RedisServerWitnessed : public testing::Test {
 protected:
  std::unique_ptr<history::HistoryStore> open() {
    Options options;
    options.connection.url = server.url();
    auto opened = open_history(loop, options, {}, Random::secure(), {}).value();
    EXPECT_TRUE(turn_until(loop, [&] { return opened->available(); }));
    return opened;
  }
  Appended append(history::HistoryStore& store) {
    std::optional<Appended> appended;
    store.append({"p", Bytes(std::string("{}")), ""},
                 [&](auto result) { appended = result.value(); });
    EXPECT_TRUE(turn_until(loop, [&] { return appended.has_value(); }));
    return *appended;
  }
  Epoch epoch(history::HistoryStore& store) {
    std::optional<Epoch> read;
    store.read({{"p", 0, 0}}, [&](auto result) { read = result.value().epoch; });
    EXPECT_TRUE(turn_until(loop, [&] { return read.has_value(); }));
    return *read;
  }
  /// The numbers of the last event are lost, and no server says so.
  void lose_the_last(const Appended& before) {
    const std::string last = std::to_string(before.position.gid);
    server.command({"HSET", "socket:events:meta", "last", last, "program:p", "1 " + last + " 2"});
  }

  TestServer server;
  net::Loop loop;
};

TEST_F(RedisServerWitnessed, BeginsAnEpochWhenSomebodyHoldsWhatItHasNotNumbered) {
  auto store = open();
  const Appended kept = append(*store);
  const Appended lost = append(*store);
  store.reset();
  lose_the_last(kept);
  store = open();
  EXPECT_EQ(epoch(*store), kept.position.epoch) << "nobody knows better";
  store->witnessed(kept.position.epoch, kept.position.gid);
  store->witnessed("another1", lost.position.gid);
  EXPECT_EQ(epoch(*store), kept.position.epoch);
  store->witnessed(lost.position.epoch, lost.position.gid);
  const Epoch next = epoch(*store);
  EXPECT_NE(next, kept.position.epoch);
  store->witnessed(next, append(*store).position.gid + 500'000);
  EXPECT_EQ(epoch(*store), next) << "once a connection";
}

TEST_F(RedisServerWitnessed, NumbersNothingBeforeItBegins) {
  auto store = open();
  const Appended kept = append(*store);
  const Appended lost = append(*store);
  store.reset();
  lose_the_last(kept);
  store = open();
  store->witnessed(lost.position.epoch, lost.position.gid);
  EXPECT_NE(append(*store).position.epoch, kept.position.epoch) << "though it had read nothing";
}

TEST_F(RedisServerWitnessed, TakesNoWordForTheFuture) {
  const auto store = open();
  const Appended appended = append(*store);
  store->witnessed(appended.position.epoch, appended.position.gid + 60'000'000);
  EXPECT_EQ(epoch(*store), appended.position.epoch);
}

}  // namespace
}  // namespace crier::redis
