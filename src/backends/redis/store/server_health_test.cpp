// What a store says of its server to who runs it, with answers by hand.

#include "backends/redis/store/history.hpp"
#include "net/listener.hpp"
#include "tests/contract/heard.hpp"
#include "tests/support/redis_peer.hpp"
#include "tests/support/redis_server.hpp"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace crier::redis {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

class RedisServerHealth : public testing::Test {
 protected:
  void SetUp() override {
    auto bound = net::Listener::open(loop, {"127.0.0.1", 0}, [this](net::Stream stream) {
      peers.push_back(std::make_unique<Peer>(std::move(stream)));
    });
    listener = std::move(bound).value();
    Options options{.connection = {.retry_min = std::chrono::milliseconds(2),
                                   .retry_max = std::chrono::milliseconds(10)}};
    options.connection.url = "redis://127.0.0.1:" + std::to_string(listener->port());
    const auto sink = [this](LogLevel, std::string_view message,
                             std::initializer_list<LogField> fields) {
      std::string line(message);
      for (const LogField& field : fields) line += " " + field.value;
      if (line.find("available") == std::string::npos) lines.push_back(line);
    };
    store = open_history(loop, options, {}, Random::seeded(5), sink).value();
  }
  template <class Predicate>
  void wait(Predicate holds) {
    ASSERT_TRUE(turn_until(loop, holds));
  }
  /// Answers everything that the next connection asks at its beginning.
  void connect(std::chrono::microseconds ahead, const std::string& memory = {}) {
    wait([this] { return peers.size() > served; });
    served = peers.size();
    const auto now = std::chrono::system_clock::now().time_since_epoch() + ahead;
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    std::string answers = bulk("run_id:abcdef") + "*2\r\n" + bulk(std::to_string(us / 1'000'000)) +
                          bulk(std::to_string(us % 1'000'000)) + bulk(memory);
    for (int script = 0; script < 5; ++script) answers += bulk(std::string(40, '0'));
    peers.back()->answer(answers + ":0\r\n:0\r\n");
    wait([this] { return store->available(); });
  }
  void disconnect() {
    peers.back()->close();
    wait([this] { return !store->available(); });
  }

  net::Loop loop;
  std::unique_ptr<net::Listener> listener;
  std::vector<std::unique_ptr<Peer>> peers;
  std::size_t served = 0;
  std::unique_ptr<history::HistoryStore> store;
  std::vector<std::string> lines;
};

TEST_F(RedisServerHealth, WarnsOfAClockThatIsNotThisMachines) {
  connect(std::chrono::milliseconds(900));
  EXPECT_THAT(lines, IsEmpty());
  EXPECT_GT(store->health().clock_offset, std::chrono::milliseconds(0));
  disconnect();
  connect(seconds(90'000));
  EXPECT_THAT(lines, ElementsAre(HasSubstr("the clock of Redis is not this machine's")));
  EXPECT_THAT(lines[0], HasSubstr(" 8999"));
  EXPECT_GT(store->health().clock_offset, seconds(89'990));
  disconnect();
  connect(seconds(90'000));
  EXPECT_EQ(lines.size(), 1U) << "that was said";
  disconnect();
  connect(-seconds(5));
  EXPECT_EQ(lines.size(), 2U);
  EXPECT_LT(store->health().clock_offset, -seconds(4));
  disconnect();
  connect({});
  EXPECT_EQ(store->health().clock_offset, seconds(0));
}

TEST_F(RedisServerHealth, WarnsOfAServerThatDropsKeys) {
  connect({}, "maxmemory:0\r\nmaxmemory_policy:volatile-lru\r\n");
  EXPECT_EQ(store->health().eviction, "");
  disconnect();
  connect({}, "maxmemory:1000\r\nmaxmemory_policy:volatile-lru\r\n");
  EXPECT_EQ(store->health().eviction, "volatile-lru");
  EXPECT_THAT(lines, ElementsAre(HasSubstr("volatile-lru")));
  disconnect();
  connect({}, "maxmemory:1000\r\nmaxmemory_policy:volatile-lru\r\n");
  EXPECT_EQ(lines.size(), 1U) << "that was said";
  disconnect();
  connect({}, "maxmemory:1000\r\nmaxmemory_policy:noeviction\r\n");
  EXPECT_EQ(store->health().eviction, "");
}

/// What a node whose clock is wrong by so much hears of an event that is that new at the server.
TEST_F(RedisServerHealth, HearsEventsByTheServersClock) {
  history::Heard heard;
  store->listen(heard);
  store->subscribe("p");
  wait([this] { return peers.size() == 2; });
  Peer& subscriber = *peers.back();
  const auto publish = [&](seconds at) {
    const auto now = std::chrono::system_clock::now().time_since_epoch() + at;
    const auto gid = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    const std::string event = R"({"epoch":"epoch--1","program":"p","seq":1,"prev":0,"gid":)" +
                              std::to_string(gid) + R"(,"envelope":{}})";
    subscriber.answer("*3\r\n" + bulk("message") + bulk("socket:events:bus:program:p") +
                      bulk(event));
  };
  subscriber.answer(bulk("run_id:abcdef"));
  wait([&] { return subscriber.received.find("SUBSCRIBE") != std::string::npos; });
  const auto confirmed = [](const std::string& channel) {
    return "*3\r\n" + bulk("subscribe") + bulk(channel) + ":1\r\n";
  };
  subscriber.answer(confirmed("socket:events:bus:claims") +
                    confirmed("socket:events:bus:program:p") + "*2\r\n" + bulk("pong") + bulk(""));
  wait([&] { return heard.count("subscribed p") == 1; });
  std::swap(peers.front(), peers.back());
  served = 1;
  connect(seconds(50 * 3600));
  publish(seconds(50 * 3600));
  publish(seconds(73 * 3600));
  wait([&] { return heard.events.size() == 2; });
  publish(seconds(75 * 3600));
  publish(seconds(0));
  wait([&] { return heard.events.size() == 3; });
}

}  // namespace
}  // namespace crier::redis
