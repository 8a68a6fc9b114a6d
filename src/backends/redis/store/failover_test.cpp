// Two and more real servers: what a store makes of one that takes another's place.

#include "backends/redis/store/history.hpp"
#include "tests/contract/history_contract.hpp"
#include "tests/contract/sessions_contract.hpp"
#include "tests/support/redis_deployment.hpp"
#include "tests/support/redis_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>

namespace crier::redis {
namespace {

using history::Appended;
using history::Gid;
using history::ReadReply;
using history::StoreError;
using std::chrono::milliseconds;

std::string at(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

Options quick(const std::string& url) {
  Options options;
  options.connection.url = url;
  options.connection.retry_min = milliseconds(5);
  options.connection.retry_max = milliseconds(40);
  return options;
}

/// A node that hears of p.
class Node {
 public:
  Node(net::Loop& loop, const std::string& url) : loop_(loop) {
    store = open_history(loop, quick(url), {}, Random::secure(), {}).value();
    store->listen(heard);
    store->subscribe("p");
    EXPECT_TRUE(wait([&] { return heard.count("subscribed p") == 1 && store->available(); }));
  }
  template <class Predicate>
  bool wait(Predicate holds) {
    return turn_until(loop_, holds, std::chrono::seconds(60));
  }
  /// After `losses` losses: until it hears of p again, and may write.
  bool wait_again(std::size_t losses = 1) {
    return wait([&] {
      return heard.count("lost") >= losses && store->hears() && store->available() &&
             heard.count("subscribed p") == heard.count("lost") + 1;
    });
  }
  /// Until it is appended, as a publisher does that tries again.
  Appended append() {
    std::optional<Appended> appended;
    bool waiting = false;
    EXPECT_TRUE(wait([&] {
      if (appended || waiting) return appended.has_value();
      waiting = true;
      store->append({"p", Bytes(std::string("{}")), ""}, [&](auto result) {
        waiting = false;
        if (result) appended = *result;
      });
      return false;
    }));
    return appended.value();
  }
  ReadReply read() {
    std::optional<ReadReply> reply;
    store->read({{"p", 0, 0}}, [&](auto result) { reply = result.value(); });
    EXPECT_TRUE(wait([&] { return reply.has_value(); }));
    return reply.value();
  }
  bool probe() {
    std::optional<bool> outcome;
    store->probe([&](bool heard_all) { outcome = heard_all; });
    EXPECT_TRUE(wait([&] { return outcome.has_value(); }));
    return outcome.value();
  }

  history::Heard heard;
  std::unique_ptr<history::HistoryStore> store;

 private:
  net::Loop& loop_;
};

/// A master and a replica of it, which has two events that were appended by `node`.
class RedisServerRollback : public testing::Test {
 protected:
  void SetUp() override {
    node.emplace(loop, first.url());
    node->append();
    shared = node->append();
    ASSERT_TRUE(node->wait([this] { return has_caught_up(second, first); }));
  }
  /// The second server forgets nothing of what it has, and follows nobody.
  void promote_second() { second.command({"REPLICAOF", "NO", "ONE"}); }
  /// The first one drops what the second does not have, and follows nobody either.
  void set_back_first() {
    first.command({"REPLICAOF", "127.0.0.1", std::to_string(second.port())});
    ASSERT_TRUE(turn_until(loop, [this] { return has_caught_up(first, second); }));
    EXPECT_EQ(first.text({"ZCARD", "socket:events:program:p"}), "2");
    first.command({"REPLICAOF", "NO", "ONE"});
  }
  static std::string run_id(TestServer& server) {
    const std::string info = server.text({"INFO", "server"});
    return info.substr(info.find("run_id:"), 47);
  }
  /// The second server answers where the first one did.
  void put_second_in_place_of_first() {
    first.kill();
    const auto reply = second.command({"CONFIG", "SET", "port", std::to_string(first.port())});
    ASSERT_NE(reply->type, REDIS_REPLY_ERROR) << "before Redis 7 a server cannot change its port";
  }

  TestServer first{{"--repl-diskless-sync-delay", "0"}};
  TestServer second{{"--repl-diskless-sync-delay", "0", "--replicaof",
                     "127.0.0.1 " + std::to_string(first.port())}};
  net::Loop loop;
  std::optional<Node> node;
  Appended shared;
};

TEST_F(RedisServerRollback, BeginsAnEpochOnAReplicaThatLostTheTail) {
  promote_second();
  const Appended tail = node->append();
  EXPECT_EQ(tail.position.seq, 3U);
  put_second_in_place_of_first();
  ASSERT_TRUE(node->wait_again());
  const ReadReply reply = node->read();
  EXPECT_NE(reply.epoch, tail.position.epoch);
  EXPECT_GE(reply.floor, tail.position.gid);
  EXPECT_EQ(reply.programs[0].top, shared.position.gid);
  const Appended next = node->append();
  EXPECT_EQ(next.position.epoch, reply.epoch);
  EXPECT_EQ(next.position.seq, 3U) << "a number that was given out before, in another epoch";
  EXPECT_GT(next.position.gid, tail.position.gid);
  EXPECT_TRUE(node->probe());
  EXPECT_EQ(node->heard.events.back().epoch, reply.epoch);
}

TEST_F(RedisServerRollback, NumbersNothingInTheOldEpochThoughNothingIsReadBefore) {
  promote_second();
  const Appended tail = node->append();
  put_second_in_place_of_first();
  const Appended next = node->append();
  EXPECT_NE(next.position.epoch, tail.position.epoch);
  EXPECT_GT(next.position.gid, tail.position.gid);
}

TEST_F(RedisServerRollback, TakesTheEpochOfAReplicaThatWasWrittenToSince) {
  promote_second();
  const Appended tail = node->append();
  Node other(loop, second.url());
  const Appended since = other.append();
  EXPECT_NE(since.position.epoch, tail.position.epoch);
  put_second_in_place_of_first();
  ASSERT_TRUE(node->wait_again());
  EXPECT_EQ(node->read().epoch, since.position.epoch);
  const Appended next = node->append();
  EXPECT_EQ(next.position.epoch, since.position.epoch) << "the other node's sockets may stay";
  EXPECT_EQ(next.prev, since.position.gid);
  EXPECT_TRUE(other.probe());
  EXPECT_EQ(other.heard.events.back().record.gid, next.position.gid);
}

TEST_F(RedisServerRollback, BeginsAnEpochOnTheSameServerThatWasSetBack) {
  promote_second();
  const Appended tail = node->append();
  first.command({"REPLICAOF", "127.0.0.1", std::to_string(second.port())});
  ASSERT_TRUE(node->wait([&] {
    const std::string info = first.text({"INFO", "replication"});
    return info.find("master_link_status:up") != std::string::npos;
  }));
  EXPECT_EQ(first.text({"ZCARD", "socket:events:program:p"}), "2");
  first.command({"REPLICAOF", "NO", "ONE"});
  ASSERT_TRUE(node->wait([&] { return node->store->available() && node->store->hears(); }));
  const ReadReply reply = node->read();
  EXPECT_NE(reply.epoch, tail.position.epoch) << "the run_id is the same; the last number is not";
  EXPECT_GE(reply.floor, tail.position.gid);
}

TEST_F(RedisServerRollback, BeginsAnEpochThoughNobodyIsLeftWhoSawTheTail) {
  promote_second();
  for (int i = 0; i < 3; ++i) node->append();
  const Appended tail = node->append();
  EXPECT_EQ(tail.position.seq, 6U);
  node.reset();
  const std::string life = run_id(first);
  set_back_first();
  EXPECT_EQ(run_id(first), life);
  Node next(loop, first.url());
  const ReadReply reply = next.read();
  EXPECT_EQ(reply.programs[0].top, shared.position.gid);
  EXPECT_NE(reply.epoch, tail.position.epoch)
      << "or a client with event 2 would be told that it has lost nothing";
  EXPECT_GE(reply.floor, tail.position.gid);
}

TEST_F(RedisServerRollback, BeginsAnEpochOverConnectionsThatOutliveIt) {
  const auto quiet = open_history(loop, quick(first.url()), {}, Random::secure(), {}).value();
  ASSERT_TRUE(node->wait([&] { return quiet->available(); }));
  const auto epoch = [&] {
    std::optional<history::Epoch> answer;
    quiet->read({{"p", 0, 0}}, [&](auto result) { answer = result.value().epoch; });
    EXPECT_TRUE(node->wait([&] { return answer.has_value(); }));
    return answer.value_or("");
  };
  const history::Epoch before = epoch();
  promote_second();
  node->append();
  node.reset();
  set_back_first();
  EXPECT_TRUE(quiet->available());
  EXPECT_NE(epoch(), before);
}

TEST_F(RedisServerRollback, BeginsAnEpochWhereTheAddressLedToAnotherServerAndBack) {
  const history::Epoch before = node->read().epoch;
  const std::uint16_t port = first.port();
  const std::uint16_t aside = second.port();
  const auto take = [&](std::uint16_t there, const char* setting, const std::string& value) {
    const auto reply = TestServer::command_at(there, {"CONFIG", "SET", setting, value});
    ASSERT_NE(reply->type, REDIS_REPLY_ERROR) << "before Redis 7 a server cannot change its port";
  };
  TestServer spare;  // for its port
  const std::uint16_t between = spare.port();
  spare.kill();
  const auto exchange = [&] {  // of the two servers' ports, while their processes live on
    take(port, "port", std::to_string(between));
    take(aside, "port", std::to_string(port));
    take(between, "port", std::to_string(aside));
    for (const char* kind : {"normal", "pubsub"}) {
      TestServer::command_at(aside, {"CLIENT", "KILL", "TYPE", kind});
    }
  };
  promote_second();
  exchange();
  ASSERT_TRUE(node->wait_again(1));
  node->append();
  const Appended there = node->append();
  EXPECT_NE(there.position.epoch, before);
  EXPECT_EQ(there.position.seq, 4U);
  exchange();
  ASSERT_TRUE(node->wait_again(2));
  const ReadReply reply = node->read();
  EXPECT_EQ(reply.programs[0].top, shared.position.gid)
      << "the first server, which was never another's";
  EXPECT_NE(reply.epoch, before) << "or a client with event 2 would be told that it has all";
  EXPECT_NE(reply.epoch, there.position.epoch);
  EXPECT_GE(reply.floor, there.position.gid);
  EXPECT_EQ(node->append().position.epoch, reply.epoch);
  EXPECT_EQ(node->read().epoch, reply.epoch);
}

TEST(RedisServerFailover, BeginsAnEpochWhenADatabaseIsExchangedAndComesBack) {
  TestServer server;
  net::Loop loop;
  Node node(loop, server.url());
  Node other(loop, server.url());
  const Appended before = node.append();
  server.command({"SWAPDB", "0", "1"});
  const Appended meanwhile = node.append();
  EXPECT_NE(meanwhile.position.epoch, before.position.epoch);
  EXPECT_TRUE(other.probe());
  server.command({"SWAPDB", "0", "1"});
  const ReadReply reply = other.read();
  EXPECT_NE(reply.epoch, before.position.epoch);
  EXPECT_NE(reply.epoch, meanwhile.position.epoch);
  EXPECT_EQ(node.append().position.epoch, reply.epoch);
  EXPECT_EQ(other.append().position.epoch, reply.epoch) << "one for both";
}

TEST(RedisServerFailover, BeginsAnEpochInPlaceOfAnOldOneThatOthersWentOnIn) {
  TestServer server;
  net::Loop loop;
  Node node(loop, server.url());
  const Appended before = node.append();
  server.command({"SWAPDB", "0", "1"});
  const Appended meanwhile = node.append();
  server.command({"SWAPDB", "0", "1"});
  Node fresh(loop, server.url());  // which cannot know
  const Appended after = fresh.append();
  EXPECT_EQ(after.position.epoch, before.position.epoch);
  EXPECT_GT(after.position.gid, meanwhile.position.gid);
  const ReadReply reply = node.read();
  EXPECT_NE(reply.epoch, before.position.epoch);
  EXPECT_EQ(fresh.append().position.epoch, reply.epoch);
}

TEST_F(RedisServerRollback, KeepsTheEpochWhenAReplicaGoesAndComesBack) {
  const history::Epoch before = node->read().epoch;
  second.restart();
  ASSERT_TRUE(node->wait([this] { return has_caught_up(second, first); }));
  second.command({"CLIENT", "KILL", "TYPE", "master"});
  ASSERT_TRUE(node->wait([this] { return has_caught_up(second, first); }));
  EXPECT_EQ(node->read().epoch, before);
  EXPECT_EQ(node->append().position.epoch, before);
}

TEST(RedisServerFailover, KeepsTheEpochWhenAMasterGetsItsFirstReplica) {
  net::Loop loop;
  TestServer master;
  Node node(loop, master.url());
  const history::Epoch before = node.append().position.epoch;
  const auto replid = [&] {
    const std::string info = master.text({"INFO", "replication"});
    return info.substr(info.find("master_replid:"), 54);
  };
  const std::string alone = replid();
  TestServer replica({"--replicaof", "127.0.0.1 " + std::to_string(master.port())});
  ASSERT_TRUE(node.wait([&] { return has_caught_up(replica, master); }));
  EXPECT_NE(replid(), alone) << "or this shows nothing";
  EXPECT_EQ(node.read().epoch, before);
  EXPECT_EQ(node.append().position.epoch, before);
}

TEST(RedisServerFailover, ListensToTheMasterThatASentinelPromotes) {
  TestServer master({"--repl-diskless-sync-delay", "0"});
  TestServer replica({"--replicaof", "127.0.0.1 " + std::to_string(master.port())});
  const TestSentinel sentinel(master.port());
  net::Loop loop;
  ASSERT_TRUE(turn_until(loop, [&] { return sentinel.knows_a_replica(); }));
  Node node(loop, "redis+sentinel://" + at(sentinel.port()) + "/events");
  const Appended before = node.append();
  ASSERT_TRUE(node.wait([&] { return has_caught_up(replica, master); }));
  master.kill();
  ASSERT_TRUE(node.wait_again());
  const Appended after = node.append();
  EXPECT_NE(after.position.epoch, before.position.epoch);
  EXPECT_EQ(after.position.seq, 2U);
  EXPECT_EQ(after.prev, before.position.gid);
  EXPECT_TRUE(node.probe());
  EXPECT_THAT(node.heard.seqs(), testing::ElementsAre("p1", "p2"));
}

TEST(RedisServerFailover, ListensWhereTheSlotOfAClusterMoves) {
  TestCluster cluster;
  net::Loop loop;
  Node node(loop, "redis+cluster://" + at(cluster.node(cluster.owner()).port()));
  const Appended before = node.append();
  EXPECT_TRUE(node.probe());
  cluster.move_slot((cluster.owner() + 1) % 3);
  ASSERT_TRUE(node.wait_again());
  const Appended after = node.append();
  EXPECT_NE(after.position.epoch, before.position.epoch) << "another server";
  EXPECT_EQ(after.position.seq, 2U);
  EXPECT_TRUE(node.probe());
  EXPECT_THAT(node.heard.seqs(), testing::ElementsAre("p1", "p2"));
}

/// One cluster for the whole contract; each test begins with an empty one.
struct ClusterSubject {
  static constexpr milliseconds ttl{300};

  static TestCluster& cluster() {
    static TestCluster one;
    return one;
  }
  void open(const history::Retention& retention) {
    TestServer& owner = cluster().node(cluster().owner());
    owner.command({"FLUSHALL"});
    TestServer& entry = cluster().node((cluster().owner() + 1) % 3);
    opened = open_history(loop, quick("redis+cluster://" + at(entry.port())), retention,
                          Random::secure(), {})
                 .value();
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
INSTANTIATE_TYPED_TEST_SUITE_P(RedisServerCluster, HistoryContract, redis::ClusterSubject);
INSTANTIATE_TYPED_TEST_SUITE_P(RedisServerCluster, SessionsContract, redis::ClusterSubject);
}  // namespace crier::history
