// What a node hears of a real redis-server, whatever happens to its connection.

#include "backends/redis/store/history.hpp"
#include "tests/contract/heard.hpp"
#include "tests/support/redis_server.hpp"

#include <algorithm>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace crier::redis {
namespace {

using history::Appended;
using history::Heard;
using history::StoreError;
using std::chrono::milliseconds;

constexpr const char* channel = "socket:events:bus:program:p";

class RedisServerListening : public testing::Test {
 protected:
  /// One node.
  struct Node {
    Heard heard;
    std::vector<std::string> lines;
    std::unique_ptr<history::HistoryStore> store;
  };

  Options quick() const {
    Options options;
    options.connection.url = server->url();
    options.connection.retry_min = milliseconds(5);
    options.connection.retry_max = milliseconds(40);
    return options;
  }
  void open(Node& node, const Options& options) {
    const auto sink = [&node](LogLevel, std::string_view line, std::initializer_list<LogField> of) {
      node.lines.emplace_back(line);
      for (const LogField& field : of) {
        if (field.key == "why") node.lines.back() += " why=" + field.value;
      }
    };
    node.store = open_history(loop, options, {}, Random::secure(), sink).value();
    node.store->listen(node.heard);
  }
  void wait_up(Node& node) {
    wait([&] { return node.store->available() && node.store->hears(); });
  }
  /// A node that hears of p.
  void open_hearing(Node& node, const Options& options) {
    open(node, options);
    node.store->subscribe("p");
    wait([&] { return node.heard.count("subscribed p") == 1; });
    wait_up(node);
  }
  void open_hearing() { open_hearing(one, quick()); }

  template <class Predicate>
  void wait(Predicate holds) {
    ASSERT_TRUE(turn_until(loop, holds));
  }
  Appended append(Node& node, const std::string& program = "p") {
    std::optional<Result<Appended, StoreError>> outcome;
    node.store->append({program, Bytes(std::string("{}")), ""},
                       [&](auto result) { outcome = std::move(result); });
    wait([&] { return outcome.has_value(); });
    return outcome.value().value();
  }
  Appended append() { return append(one); }
  bool probe(Node& node) {
    std::optional<bool> outcome;
    node.store->probe([&](bool heard) { outcome = heard; });
    wait([&] { return outcome.has_value(); });
    return *outcome;
  }
  /// After a loss: until it hears of p again, and may write.
  void wait_again(Node& node, std::size_t confirmations = 2) {
    wait([&] { return node.heard.count("subscribed p") == confirmations; });
    EXPECT_EQ(node.heard.count("lost"), confirmations - 1);
    EXPECT_EQ(node.heard.count("claims"), confirmations);
    wait_up(node);
  }
  void wait_again() { wait_again(one); }

  std::unique_ptr<TestServer> server = std::make_unique<TestServer>();
  net::Loop loop;
  Node one;
  Node two;
};

TEST_F(RedisServerListening, SubscribesAgainWhenItsConnectionIsKilled) {
  open_hearing();
  append();
  EXPECT_TRUE(probe(one));
  server->command({"CLIENT", "KILL", "TYPE", "pubsub"});
  wait([&] { return one.heard.count("lost") == 1; });
  EXPECT_FALSE(one.store->hears());
  EXPECT_FALSE(probe(one));
  EXPECT_TRUE(one.store->available()) << "the other connection is sound";
  append();
  wait_again();
  append();
  EXPECT_TRUE(probe(one));
  EXPECT_THAT(one.heard.seqs(), testing::AllOf(testing::Contains("p1"), testing::Contains("p3")));
  EXPECT_EQ(one.lines.size(), 2U);
}

TEST_F(RedisServerListening, HearsNothingTwiceAndMissesNothingButWhereItSaysSo) {
  open_hearing(two, quick());
  open_hearing();
  std::vector<std::size_t> losses;
  one.heard.then = [&] {
    if (one.heard.count("lost") > losses.size()) losses.push_back(one.heard.events.size());
  };
  int appended = 0;
  for (std::size_t round = 1; round <= 10; ++round) {
    for (int i = 0; i < 200; ++i) {
      two.store->append({"p", Bytes(std::string("{}")), ""}, [&](auto) { ++appended; });
    }
    loop.post([this] { loop.stop(); });
    loop.run();
    server->command({"CLIENT", "KILL", "TYPE", "pubsub"});
    wait([&] { return one.heard.count("subscribed p") == round + 1; });
    wait([&] { return two.heard.count("subscribed p") == round + 1; });
  }
  wait([&] { return appended == 2000; });
  append();
  EXPECT_TRUE(probe(one));
  EXPECT_EQ(one.heard.events.back().record.seq, 2001U);
  EXPECT_EQ(losses.size(), 10U);
  history::Seq last = 0;
  for (std::size_t i = 0; i < one.heard.events.size(); ++i) {
    const history::Seq seq = one.heard.events[i].record.seq;
    ASSERT_GT(seq, last);
    if (seq != last + 1) {
      EXPECT_EQ(std::count(losses.begin(), losses.end(), i), 1) << "a hole without a word";
    }
    last = seq;
  }
}

TEST_F(RedisServerListening, HearsOfTheNewEpochAfterARestartWithoutData) {
  open_hearing();
  const Appended before = append();
  server->restart();
  wait_again();
  const Appended after = append();
  EXPECT_TRUE(probe(one));
  EXPECT_NE(after.position.epoch, before.position.epoch);
  EXPECT_EQ(one.heard.events.back().epoch, after.position.epoch);
  EXPECT_EQ(one.heard.events.back().record.seq, 1U);
  EXPECT_GT(after.position.gid, before.position.gid);
  EXPECT_EQ(one.lines.size(), 2U) << "one outage, and its end";
}

TEST_F(RedisServerListening, HearsOfTheNewEpochAfterARestartWithItsData) {
  server = std::make_unique<TestServer>(
      std::vector<std::string>{"--appendonly", "yes", "--appendfsync", "always"});
  open_hearing();
  const Appended before = append();
  server->restart();
  wait_again();
  const Appended after = append();
  EXPECT_TRUE(probe(one));
  EXPECT_NE(after.position.epoch, before.position.epoch);
  EXPECT_EQ(one.heard.events.back().epoch, after.position.epoch);
  EXPECT_EQ(after.position.seq, 2U);
  EXPECT_EQ(after.prev, before.position.gid);
}

TEST_F(RedisServerListening, HearsOfTheNewEpochWhenAllIsFlushed) {
  open_hearing();
  const Appended before = append();
  server->command({"FLUSHALL"});
  const Appended after = append();
  EXPECT_TRUE(probe(one));
  EXPECT_NE(after.position.epoch, before.position.epoch);
  ASSERT_EQ(one.heard.events.size(), 2U);
  EXPECT_EQ(one.heard.events[1].epoch, after.position.epoch);
  EXPECT_EQ(one.heard.count("lost"), 0U) << "the connection is sound; the epoch tells";
}

TEST_F(RedisServerListening, IsLostWhileTheServerHangs) {
  Options options = quick();
  options.connection.command_timeout = milliseconds(200);
  open_hearing(one, options);
  server->pause();
  wait([&] { return one.heard.count("lost") == 1; });
  EXPECT_FALSE(one.store->hears());
  server->resume();
  wait_again();
  append();
  EXPECT_TRUE(probe(one));
  EXPECT_THAT(one.heard.seqs(), testing::ElementsAre("p1"));
}

TEST_F(RedisServerListening, DoesNotHearOfWhatAProbeCannotVouchFor) {
  Options options = quick();
  options.connection.command_timeout = milliseconds(200);
  open_hearing(one, options);
  server->pause();
  std::vector<std::string> order;
  one.heard.then = [&] { order.push_back(one.heard.words.back()); };
  one.store->probe([&](bool heard) { order.emplace_back(heard ? "heard" : "not heard"); });
  wait([&] { return order.size() == 2; });
  EXPECT_THAT(order, testing::ElementsAre("lost", "not heard"));
  server->resume();
}

TEST_F(RedisServerListening, IsLostWhenItReadsTooSlowly) {
  server = std::make_unique<TestServer>(
      std::vector<std::string>{"--client-output-buffer-limit", "pubsub", "1mb", "0", "0"});
  open_hearing();
  const std::string big(1'000'000, 'x');
  const auto subscribers = [&] {
    const auto reply = server->command({"PUBSUB", "NUMSUB", channel});
    return reply->element[1]->integer;
  };
  int sent = 0;
  while (subscribers() == 1 && sent < 200) {  // the loop does not turn
    server->command({"PUBLISH", channel, big});
    ++sent;
  }
  ASSERT_LT(sent, 200) << "the kernel takes everything";
  wait_again();
  EXPECT_TRUE(one.heard.events.empty());
  append();
  EXPECT_TRUE(probe(one));
  EXPECT_THAT(one.heard.seqs(), testing::ElementsAre("p1"));
}

TEST_F(RedisServerListening, PassesOverANumberOfTheFarFuture) {
  open_hearing();
  const Appended first = append();
  const std::string forged =
      "{\"epoch\":\"" + first.position.epoch +
      "\",\"program\":\"p\",\"seq\":2,\"prev\":" + std::to_string(first.position.gid) +
      ",\"gid\":9007199254740991,\"envelope\":{}}";
  server->command({"PUBLISH", channel, forged});
  const Appended second = append();
  EXPECT_TRUE(probe(one));
  EXPECT_EQ(second.position.epoch, first.position.epoch) << "nothing is above all numbers";
  EXPECT_THAT(one.heard.seqs(), testing::ElementsAre("p1", "p2"));
}

TEST_F(RedisServerListening, SharesEventsAndClaimsAmongNodes) {
  open_hearing();
  open_hearing(two, quick());
  for (int i = 0; i < 10; ++i) append(i % 2 == 0 ? one : two);
  std::vector<history::Fence> fences;
  for (int i = 0; i < 4; ++i) {
    history::HistoryStore& store = i % 2 == 0 ? *one.store : *two.store;
    store.claim("sid", [&](auto fence) { fences.push_back(fence.value()); });
    wait([&] { return fences.size() == static_cast<std::size_t>(i) + 1; });
  }
  for (Node* node : {&one, &two}) {
    EXPECT_TRUE(probe(*node));
    ASSERT_EQ(node->heard.events.size(), 10U);
    ASSERT_EQ(node->heard.claims.size(), 4U);
    for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(node->heard.events[i].record.seq, i + 1);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(node->heard.claims[i].first, "sid");
      EXPECT_EQ(node->heard.claims[i].second, fences[i]);
      EXPECT_TRUE(i == 0 || fences[i] > fences[i - 1]);
    }
  }
}

TEST_F(RedisServerListening, HearsNothingOfAnotherDatabase) {
  Options other = quick();
  other.connection.url += "/3";
  open_hearing();
  open_hearing(two, other);
  append(one);
  append(two);
  two.store->claim("sid", [](auto) {});
  EXPECT_TRUE(probe(one));
  EXPECT_TRUE(probe(two));
  wait([&] { return two.heard.claims.size() == 1; });
  EXPECT_EQ(one.heard.events.size(), 1U);
  EXPECT_EQ(two.heard.events.size(), 1U);
  EXPECT_TRUE(one.heard.claims.empty());
}

TEST_F(RedisServerListening, SubscribesToManyProgramsAtOnce) {
  open(one, quick());
  wait_up(one);
  constexpr std::size_t count = 3000;
  for (std::size_t i = 0; i < count; ++i) one.store->subscribe(std::to_string(i));
  wait([&] { return one.heard.words.size() == count + 1; });
  server->command({"CLIENT", "KILL", "TYPE", "pubsub"});
  wait([&] { return one.heard.words.size() == 2 * count + 3; });
  append(one, "0");
  append(one, "2999");
  EXPECT_TRUE(probe(one));
  EXPECT_THAT(one.heard.seqs(), testing::ElementsAre("01", "29991"));
}

TEST_F(RedisServerListening, NeedsNoMoreThanOperationsMdSays) {
  std::ifstream file(CRIER_OPERATIONS_PAGE);
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = page.find("`~socket:events:*");
  ASSERT_NE(begin, std::string::npos);
  std::string rules = page.substr(begin + 1, page.find('`', begin + 1) - begin - 1);
  std::vector<std::string> command = {"ACL", "SETUSER", "crier", "reset", "on", ">pass"};
  std::replace(rules.begin(), rules.end(), '\n', ' ');
  std::size_t at = 0;
  while (at < rules.size()) {
    const std::size_t end = std::min(rules.find(' ', at), rules.size());
    if (end > at) command.push_back(rules.substr(at, end - at));
    at = end + 1;
  }
  ASSERT_EQ(server->text(command), "OK");
  Options options = quick();
  options.connection.url = server->url("crier:pass@");
  open_hearing(one, options);
  append();
  one.store->unsubscribe("p");
  std::optional<bool> known;
  one.store->claim("sid", [](auto) {});
  one.store->fences({"sid"}, [&](auto fences) { known = fences.value().at(0) != 0; });
  wait([&] { return known.has_value(); });
  EXPECT_TRUE(*known);
  std::vector<history::SessionPosition> positions;
  for (int i = 0; i < 40; ++i) positions.push_back({"u", std::to_string(i), "holder", "value"});
  one.store->save_positions(positions);
  std::optional<bool> held;
  one.store->take_over({"u", "39", "other", "held"}, [&](auto done) { held = bool(done); });
  wait([&] { return held.has_value(); });
  EXPECT_TRUE(*held);
  std::optional<std::string> value;
  one.store->load_position("u", "39", [&](auto loaded) { value = loaded.value(); });
  wait([&] { return value.has_value(); });
  EXPECT_EQ(*value, "held");
  // The last number of a second: the next one takes a step of forgetting.
  const std::string last = std::to_string((append().position.gid / 1'000'000 + 5) * 1'000'000 - 1);
  server->command({"HSET", "socket:events:meta", "last", last, "program:old", "1 1 0"});
  append();
  EXPECT_EQ(server->text({"HEXISTS", "socket:events:meta", "program:old"}), "0");
  EXPECT_TRUE(probe(one));
  EXPECT_TRUE(one.lines.empty());
}

TEST_F(RedisServerListening, NeedsLeaveToPublish) {
  server->command({"ACL", "SETUSER", "crier", "on", ">pass", "+@all", "~socket:events:*",
                   "resetchannels", "&other"});
  Options options = quick();
  options.connection.url = server->url("crier:pass@");
  open(one, options);
  wait([&] { return !one.lines.empty(); });
  EXPECT_FALSE(one.store->available());
  EXPECT_FALSE(one.store->hears());
  EXPECT_THAT(one.lines[0], testing::HasSubstr("(NOPERM "));
}

}  // namespace
}  // namespace crier::redis
