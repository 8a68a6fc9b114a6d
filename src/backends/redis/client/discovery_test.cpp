#include "backends/redis/client/discovery.hpp"

#include "net/listener.hpp"
#include "net/test_certificates.hpp"
#include "tests/support/redis_deployment.hpp"
#include "tests/support/redis_peer.hpp"
#include "tests/support/redis_user.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace crier::redis {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string at(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

/// A server of the test's own: each connection is a peer, answered by hand.
struct FakeNode {
  explicit FakeNode(net::Loop& loop) {
    auto bound = net::Listener::open(loop, {"127.0.0.1", 0}, [this](net::Stream stream) {
      peers.push_back(std::make_unique<Peer>(std::move(stream)));
    });
    listener = std::move(bound).value();
  }
  [[nodiscard]] std::uint16_t port() const { return listener->port(); }
  [[nodiscard]] std::string address_reply() const {
    return "*2\r\n" + bulk("127.0.0.1") + bulk(std::to_string(port()));
  }
  Peer& peer() { return *peers.back(); }

  std::unique_ptr<net::Listener> listener;
  std::vector<std::unique_ptr<Peer>> peers;
};

class RedisDiscovery : public testing::Test, public TestUser {
 protected:
  /// Waits for the `n`-th connection to the node, and for `command` on it.
  void expect(FakeNode& node, std::size_t n, const std::string& command) {
    ASSERT_TRUE(wait([&] {
      return node.peers.size() == n && node.peer().received.find(command) != std::string::npos;
    })) << command
        << ", " << node.peers.size() << " connections; " << last_loss();
  }
};

constexpr const char* replica_role =
    "*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$7\r\nconnect\r\n:0\r\n";
constexpr const char* master_role = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";

TEST_F(RedisDiscovery, AsksSentinelsInTurnAndChecksWhatTheySay) {
  FakeNode first(loop);
  FakeNode second(loop);
  FakeNode stale(loop);
  FakeNode master(loop);
  options.sentinel_user = "guard";
  options.sentinel_password = "hunter3";
  connect("redis+sentinel://me:hunter2@" + at(first.port()) + "," + at(second.port()) +
          "/events/3");
  expect(first, 1, "events\r\n");
  EXPECT_EQ(first.peer().received,
            "*3\r\n$4\r\nAUTH\r\n$5\r\nguard\r\n$7\r\nhunter3\r\n"
            "*3\r\n$8\r\nSENTINEL\r\n$23\r\nGET-MASTER-ADDR-BY-NAME\r\n$6\r\nevents\r\n");
  first.peer().answer("+OK\r\n*-1\r\n");  // knows no such master
  expect(second, 1, "events\r\n");
  second.peer().answer("+OK\r\n" + stale.address_reply());
  expect(stale, 1, "ROLE\r\n");
  EXPECT_TRUE(second.peer().closed) << "it is not needed any more";
  EXPECT_EQ(stale.peer().received,
            "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$7\r\nhunter2\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
            "*1\r\n$4\r\nROLE\r\n");
  stale.peer().answer(std::string("+OK\r\n+OK\r\n") + replica_role);
  ASSERT_TRUE(wait([&] { return losses.size() == 1; }));
  EXPECT_EQ(losses[0], "the server that was found is not a master");
  EXPECT_EQ(connects, 0);

  expect(second, 2, "events\r\n");  // the next attempt begins with another Sentinel
  second.peer().answer("+OK\r\n" + master.address_reply());
  expect(master, 1, "ROLE\r\n");
  master.peer().answer(std::string("+OK\r\n+OK\r\n") + master_role);
  ASSERT_TRUE(wait([&] { return connects == 1; }));
  EXPECT_EQ(first.peers.size(), 1U);
}

TEST_F(RedisDiscovery, SaysWhatTheLastOneSaidWhenNobodyKnows) {
  FakeNode sentinel(loop);
  const std::uint16_t closed = free_port();
  struct Case {
    std::string answer;
    std::string why;
  };
  const std::string asked =
      "no Sentinel tells where events is; the last that was asked, " + at(sentinel.port()) + ": ";
  const Case cases[] = {
      {"*-1\r\n", asked + "knows no master of that name"},
      {"-NOAUTH Authentication required.\r\n",
       asked + "refused SENTINEL (NOAUTH Authentication required.)"},
      {"HTTP/1.1 400 Bad Request\r\n", asked + "an answer that is not Redis protocol"},
      {"*2\r\n$1\r\nh\r\n$1\r\nx\r\n", asked + "knows no master of that name"},
  };
  for (const Case& c : cases) {
    losses.clear();
    sentinel.peers.clear();
    connect("redis+sentinel://:hunter2@" + at(closed) + "," + at(sentinel.port()) + "/events");
    expect(sentinel, 1, "events\r\n");
    sentinel.peer().answer(c.answer);
    ASSERT_TRUE(wait([&] { return !losses.empty(); })) << c.why;
    EXPECT_EQ(losses[0], c.why);
    connection.reset();
  }
}

TEST_F(RedisDiscovery, GivesUpASentinelThatDoesNotAnswer) {
  FakeNode silent(loop);
  FakeNode other(loop);
  options.command_timeout = std::chrono::milliseconds(20);
  connect("redis+sentinel://" + at(silent.port()) + "," + at(other.port()) + "/events");
  expect(other, 1, "events\r\n");
  EXPECT_TRUE(losses.empty()) << "one of them is left";
}

TEST_F(RedisDiscovery, MayBeDestroyedAtAnyStep) {
  FakeNode sentinel(loop);
  FakeNode master(loop);
  const std::string url = "redis+sentinel://" + at(sentinel.port()) + "/events";
  connect(url);
  connection.reset();
  connect(url);
  expect(sentinel, 1, "events\r\n");
  connection.reset();
  connect(url);
  expect(sentinel, 2, "events\r\n");
  sentinel.peer().answer(master.address_reply());
  expect(master, 1, "ROLE\r\n");
  connection.reset();
  EXPECT_EQ(connects, 0);
  EXPECT_TRUE(losses.empty());
}

/// Destroys the connection as soon as it is told of a loss.
struct Quitter final : ConnectionUser {
  void on_connected() override {}
  void on_lost(const std::string&) override { connection.reset(); }
  std::unique_ptr<Connection> connection;
};

TEST_F(RedisDiscovery, MayBeDestroyedWhenNobodyKnows) {
  FakeNode sentinel(loop);
  Quitter quitter;
  ConnectionUser& user = quitter;
  auto url = parse_url("redis+sentinel://" + at(sentinel.port()) + "/events");
  ASSERT_TRUE(url);
  quitter.connection = std::make_unique<Connection>(loop, *url, options, random, user);
  expect(sentinel, 1, "events\r\n");
  sentinel.peer().answer("*-1\r\n");
  ASSERT_TRUE(wait([&] { return quitter.connection == nullptr; }));
}

TEST_F(RedisDiscovery, AsksNodesOfAClusterThatItHeardOfWhenThoseNamedAreGone) {
  auto named = std::make_unique<FakeNode>(loop);
  FakeNode primary(loop);
  FakeNode heard_of(loop);
  const auto node = [](const FakeNode& fake) {
    return "*3\r\n" + bulk("127.0.0.1") + ":" + std::to_string(fake.port()) + "\r\n" + bulk("id");
  };
  const std::string slots = "*1\r\n*4\r\n:0\r\n:16383\r\n" + node(primary) + node(heard_of);
  connect("redis+cluster://:hunter2@" + at(named->port()));
  expect(*named, 1, "SLOTS\r\n");
  EXPECT_EQ(named->peer().received,
            "*2\r\n$4\r\nAUTH\r\n$7\r\nhunter2\r\n*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n");
  named->peer().answer("+OK\r\n" + slots);
  expect(primary, 1, "ROLE\r\n");
  primary.peer().answer(std::string("+OK\r\n") + master_role);
  ASSERT_TRUE(wait([&] { return connects == 1; }));

  named.reset();
  primary.listener.reset();
  primary.peer().close();
  expect(heard_of, 1, "SLOTS\r\n");
  heard_of.peer().answer("+OK\r\n*1\r\n*3\r\n:0\r\n:16383\r\n" + node(heard_of));
  expect(heard_of, 2, "ROLE\r\n");
  heard_of.peer().answer(std::string("+OK\r\n") + master_role);
  ASSERT_TRUE(wait([&] { return connects == 2; })) << last_loss();
}

TEST_F(RedisDiscovery, SaysThatNobodyServesTheSlot) {
  FakeNode node(loop);
  connect("redis+cluster://" + at(node.port()));
  expect(node, 1, "SLOTS\r\n");
  node.peer().answer("*0\r\n");
  ASSERT_TRUE(wait([&] { return !losses.empty(); }));
  EXPECT_EQ(losses[0], "no node of the cluster tells who serves it; the last that was asked, " +
                           at(node.port()) + ": knows no node that serves the slot of " +
                           "socket:events");
  expect(node, 2, "SLOTS\r\n");
  node.peer().answer("-ERR This instance has cluster support disabled\r\n");
  ASSERT_TRUE(wait([&] { return losses.size() == 2; }));
  EXPECT_THAT(losses[1],
              EndsWith("refused CLUSTER SLOTS (ERR This instance has cluster support disabled)"));
}

// Real servers.

class RedisSentinel : public RedisDiscovery {
 protected:
  /// For servers that first have to agree.
  template <class Predicate>
  bool wait_long(Predicate holds) {
    return turn_until(loop, holds, std::chrono::seconds(60));
  }
};

TEST_F(RedisSentinel, FollowsTheMasterThatIsPromoted) {
  TestServer master({"--repl-diskless-sync-delay", "0"});
  TestServer replica({"--replicaof", "127.0.0.1 " + std::to_string(master.port())});
  const TestSentinel sentinel(master.port());
  ASSERT_TRUE(wait([&] { return sentinel.knows_a_replica(); }));

  connect("redis+sentinel://" + at(free_port()) + "," + at(sentinel.port()) + "/events");
  ASSERT_TRUE(wait([&] { return connects == 1; })) << last_loss();
  EXPECT_EQ(ask({"SET", "k", "before"}), "OK");
  EXPECT_EQ(ask({"WAIT", "1", "1000"}), "1");

  master.kill();
  ASSERT_TRUE(wait_long([&] { return connects == 2; })) << last_loss();
  EXPECT_EQ(ask({"GET", "k"}), "before");
  EXPECT_EQ(ask({"SET", "k", "after"}), "OK");
  EXPECT_EQ(replica.text({"GET", "k"}), "after");
}

TEST_F(RedisSentinel, UsesItsOwnPasswordForTheSentinels) {
  const TestServer master({"--requirepass", "hunter2"});
  const TestSentinel sentinel(master.port(),
                              "sentinel auth-pass events hunter2\nrequirepass hunter3\n");
  const std::string url = "redis+sentinel://:hunter2@" + at(sentinel.port()) + "/events";
  connect(url);
  ASSERT_TRUE(wait([&] { return !losses.empty(); }));
  EXPECT_THAT(losses[0], AllOf(EndsWith("refused SENTINEL (NOAUTH Authentication required.)"),
                               Not(HasSubstr("hunter"))));

  options.sentinel_password = "hunter3";
  connect(url);
  ASSERT_TRUE(wait([&] { return connects == 1; })) << last_loss();
  EXPECT_EQ(ask({"SET", "k", "v"}), "OK");
}

TEST_F(RedisSentinel, NeedsNoMoreThanWhatTheDocumentationLists) {
  TestServer master;
  master.command({"ACL", "SETUSER", "me", "on", ">hunter2", "+role", "+select", "+ping"});
  const TestSentinel sentinel(master.port(),
                              "user guard on >hunter3 +sentinel|get-master-addr-by-name\n");
  options.sentinel_user = "guard";
  options.sentinel_password = "hunter3";
  connect("redis+sentinel://me:hunter2@" + at(sentinel.port()) + "/events/1");
  ASSERT_TRUE(wait([&] { return connects == 1; })) << last_loss();
  EXPECT_EQ(ask({"PING"}), "PONG");
}

TEST_F(RedisSentinel, WorksOverTls) {
  const net::TestCertificates certificates;
  const std::uint16_t tls_port = free_port();
  const std::vector<std::string> tls = {"--tls-cert-file",    certificates.path("good.crt"),
                                        "--tls-key-file",     certificates.path("good.key"),
                                        "--tls-ca-cert-file", certificates.path("ca.crt"),
                                        "--tls-auth-clients", "no"};
  std::vector<std::string> flags = {"--tls-port", std::to_string(tls_port)};
  flags.insert(flags.end(), tls.begin(), tls.end());
  const TestServer master(flags);
  const std::uint16_t sentinel_port = free_port();
  const TestSentinel sentinel(
      tls_port, "tls-replication yes\ntls-port " + std::to_string(sentinel_port) +
                    "\ntls-auth-clients no\ntls-cert-file " + certificates.path("good.crt") +
                    "\ntls-key-file " + certificates.path("good.key") + "\ntls-ca-cert-file " +
                    certificates.path("ca.crt") + "\n");
  options.ca_file = certificates.path("ca.crt");
  connect("rediss+sentinel://" + at(sentinel_port) + "/events");
  ASSERT_TRUE(wait([&] { return connects == 1; })) << last_loss();
  EXPECT_EQ(ask({"SET", "k", "v"}), "OK");
}

class RedisCluster : public RedisSentinel {
 protected:
  /// The answer to a write to Crier's slot; drops the connection if the slot is not there.
  std::string write(const std::string& value) {
    const std::string answer = ask({"SET", "{socket:events}:k", value});
    if (answer.starts_with("MOVED") || answer.starts_with("ASK") ||
        answer.starts_with("CLUSTERDOWN")) {
      connection->drop(answer);
    }
    return answer;
  }
};

TEST_F(RedisCluster, GoesWhereTheSlotIs) {
  TestCluster cluster;
  const std::size_t other = (cluster.owner() + 1) % 3;
  for (std::size_t i = 0; i < 3; ++i) {
    cluster.node(i).command({"ACL", "SETUSER", "me", "on", ">hunter2", "~{socket:events}:*",
                             "+role", "+cluster|slots", "+set"});
  }
  connect("redis+cluster://me:hunter2@" + at(free_port()) + "," + at(cluster.node(other).port()));
  ASSERT_TRUE(wait([&] { return connects == 1; })) << last_loss();
  EXPECT_EQ(write("one"), "OK");
  EXPECT_EQ(cluster.node(cluster.owner()).text({"GET", "{socket:events}:k"}), "one");

  cluster.move_slot(other);
  EXPECT_THAT(write("lost"), StartsWith("MOVED"));
  ASSERT_TRUE(wait([&] {
    if (connects < 2 || write("two") == "OK") return connects >= 2;
    return false;
  })) << last_loss();
  EXPECT_EQ(cluster.node(other).text({"GET", "{socket:events}:k"}), "two");
}

TEST_F(RedisCluster, FollowsThePromotedReplicaThoughItsUrlNamesTheDeadOneOnly) {
  TestCluster cluster;
  TestServer& primary = cluster.node(cluster.owner());
  connect("redis+cluster://" + at(primary.port()));
  ASSERT_TRUE(wait([&] { return connects == 1; })) << last_loss();
  EXPECT_EQ(write("before"), "OK");
  EXPECT_EQ(ask({"WAIT", "1", "1000"}), "1");
  primary.kill();
  ASSERT_TRUE(wait_long([&] { return connects == 2; })) << last_loss();
  EXPECT_EQ(ask({"GET", "{socket:events}:k"}), "before");
  EXPECT_EQ(write("after"), "OK");
  EXPECT_EQ(cluster.replica().text({"GET", "{socket:events}:k"}), "after");
}

}  // namespace
}  // namespace crier::redis
