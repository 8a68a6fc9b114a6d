#include "backends/redis/client/connection.hpp"

#include "net/listener.hpp"
#include "tests/support/redis_peer.hpp"
#include "tests/support/redis_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace crier::redis {
namespace {

using std::chrono::milliseconds;
using namespace std::string_literals;

class RedisConnection : public testing::Test, public ConnectionUser {
 protected:
  void on_connected() override {
    ++connects;
    if (when_connected) when_connected();
  }
  void on_lost(const std::string& why) override { losses.push_back(why); }

  void listen() {
    auto bound = net::Listener::open(loop, {"127.0.0.1", port}, [this](net::Stream stream) {
      peers.push_back(std::make_unique<Peer>(std::move(stream)));
    });
    listener = std::move(bound).value();
    port = listener->port();
  }
  void open(const std::string& credentials = {}, const std::string& rest = {}) {
    listen();
    const std::string text = "redis://" + credentials + "127.0.0.1:" + std::to_string(port) + rest;
    connection =
        std::make_unique<Connection>(loop, parse_url(text).value(), options, random, *this);
    wait([&] { return connects == 1 && !peers.empty(); });
  }
  template <class Predicate>
  void wait(Predicate holds) {
    ASSERT_TRUE(turn_until(loop, holds));
  }
  Peer& peer() { return *peers.back(); }

  /// Sends a command; its answer as text, `lost` or nothing yet, comes to `answers`.
  void send(const std::vector<std::string>& command) {
    const std::size_t at = answers.size();
    answers.emplace_back();
    connection->send(command, [this, at](const redisReply* reply) {
      order.push_back(at);
      answers[at] = reply == nullptr ? "lost"
                    : reply->type == REDIS_REPLY_INTEGER
                        ? std::to_string(reply->integer)
                        : std::string(reply->str, static_cast<std::size_t>(reply->len));
    });
  }

  net::Loop loop;
  Random random = Random::seeded(3);
  ConnectionOptions options{.command_timeout = std::chrono::seconds(20),
                            .retry_min = milliseconds(2),
                            .retry_max = milliseconds(8)};
  std::uint16_t port = 0;
  std::unique_ptr<net::Listener> listener;
  std::vector<std::unique_ptr<Peer>> peers;
  std::unique_ptr<Connection> connection;
  std::function<void()> when_connected;
  int connects = 0;
  std::vector<std::string> losses;
  std::vector<std::string> answers;
  std::vector<std::size_t> order;
};

TEST_F(RedisConnection, SendsCommandsAsArraysOfBulkStrings) {
  open();
  send({"SET", "k", "a\r\n\0b"s, ""});
  const std::string expected = "*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\n\0b\r\n$0\r\n\r\n"s;
  wait([&] { return peer().received.size() >= expected.size(); });
  EXPECT_EQ(peer().received, expected);
}

TEST_F(RedisConnection, SendsCredentialsAndDatabaseFirst) {
  open("me:secret@", "/3");
  send({"PING"});
  const std::string expected =
      "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$6\r\nsecret\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
      "*1\r\n$4\r\nPING\r\n";
  wait([&] { return peer().received.size() >= expected.size(); });
  EXPECT_EQ(peer().received, expected);
  peer().answer("+OK\r\n+OK\r\n+PONG\r\n");
  wait([&] { return answers[0] == "PONG"; });
}

TEST_F(RedisConnection, SendsThePasswordAloneForTheDefaultUser) {
  open(":secret@");
  wait([&] { return !peer().received.empty(); });
  EXPECT_EQ(peer().received, "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n");
}

TEST_F(RedisConnection, TreatsARefusedPasswordAsALossAndNeverShowsIt) {
  open(":secret@");
  peer().answer("-ERR unknown command 'AUTH', with args beginning with: 'secret'\r\n");
  wait([&] { return !losses.empty(); });
  EXPECT_EQ(losses[0], "refused AUTH (ERR unknown command 'AUTH')");
}

TEST_F(RedisConnection, ShowsOnlyTheCodeOfAnErrorThatRepeatsThePassword) {
  open(":secret@");
  peer().answer("-WRONGPASS my secret is not secret\r\n");
  wait([&] { return !losses.empty(); });
  EXPECT_EQ(losses[0], "refused AUTH (WRONGPASS)");
}

TEST_F(RedisConnection, ShortensAnErrorAndShowsNoControlCharacters) {
  open(":secret@");
  peer().answer("-ERR \x1b[31m" + std::string(500, 'x') + "\r\n");
  wait([&] { return !losses.empty(); });
  EXPECT_EQ(losses[0], "refused AUTH (ERR ?[31m" + std::string(191, 'x') + ")");
}

TEST_F(RedisConnection, MatchesAnswersToCommandsInOrder) {
  open();
  for (int i = 0; i < 4; ++i) send({"X"});
  peer().answer(":1\r\n$2\r\n22\r\n-ERR three\r\n+four\r\n");
  wait([&] { return connection->idle(); });
  EXPECT_THAT(answers, testing::ElementsAre("1", "22", "ERR three", "four"));
  EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3));
}

TEST_F(RedisConnection, TakesAnswersCutAnywhere) {
  open();
  const std::string stream = ":1\r\n$2\r\n22\r\n-ERR three\r\n+four\r\n";
  for (int i = 0; i < 4; ++i) send({"X"});
  for (const char c : stream) {
    peer().answer(std::string_view(&c, 1));
    turn_until(loop, [] { return true; });
  }
  wait([&] { return connection->idle(); });
  EXPECT_THAT(answers, testing::ElementsAre("1", "22", "ERR three", "four"));
}

TEST_F(RedisConnection, WritesALoneCommandAtOnceAndTheRestOfTheTurnTogether) {
  open();
  send({"X"});
  EXPECT_TRUE(peer().has_input()) << "before send() returns";
  for (int i = 0; i < 99; ++i) send({"X"});
  const std::size_t all = std::string("*1\r\n$1\r\nX\r\n").size() * 100;
  wait([&] { return peer().received.size() == all; });
  EXPECT_LE(peer().reads, 2);
}

TEST_F(RedisConnection, WritesMoreThanTheSocketTakes) {
  open();
  const std::string big(8'000'000, 'x');
  send({"SET", "k", big});
  send({"PING"});
  wait([&] { return peer().received.ends_with("PING\r\n"); });
  EXPECT_EQ(peer().received.size(), big.size() + std::string("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n"
                                                             "$8000000\r\n\r\n"
                                                             "*1\r\n$4\r\nPING\r\n")
                                                     .size());
}

TEST_F(RedisConnection, FailsWhatIsPendingWhenTheServerCloses) {
  open();
  send({"A"});
  send({"B"});
  send({"C"});
  wait([&] { return peer().received.ends_with("C\r\n"); });
  peer().answer("+a\r\n");
  peer().close();
  wait([&] { return order.size() == 3; });
  EXPECT_THAT(answers, testing::ElementsAre("a", "lost", "lost"));
  EXPECT_THAT(losses, testing::ElementsAre("the server closed the connection"));
}

TEST_F(RedisConnection, FailsACommandAtOnceWhenThereIsNoConnection) {
  open();
  listener.reset();
  peer().close();
  wait([&] { return !losses.empty(); });
  send({"A"});
  EXPECT_THAT(answers, testing::ElementsAre("lost"));
  EXPECT_TRUE(connection->idle());
}

TEST_F(RedisConnection, ComesBackByItself) {
  open();
  send({"A"});
  peer().close();
  wait([&] { return connects == 2 && peers.size() == 2; });
  send({"B"});
  wait([&] { return !peer().received.empty(); });
  peer().answer("+b\r\n");
  wait([&] { return connection->idle(); });
  EXPECT_THAT(answers, testing::ElementsAre("lost", "b"));
  EXPECT_EQ(peer().received, "*1\r\n$1\r\nB\r\n") << "nothing is sent twice";
}

TEST_F(RedisConnection, WaitsLongerAfterEachFailureUntilItSettles) {
  options.retry_min = milliseconds(4);
  options.retry_max = std::chrono::hours(1);
  open();
  listener.reset();
  TimePoint start = loop.now();
  peer().close();
  wait([&] { return losses.size() == 8; });
  // Seven waits of at least half of 4, 8, 16, 32, 64, 128, 256 ms; the next is at least 256 ms.
  EXPECT_GE(loop.now() - start, milliseconds(254));
  listen();
  wait([&] { return connects == 2 && peers.size() == 2; });
  connection->settled();
  start = loop.now();
  peer().close();
  wait([&] { return connects == 3; });
  EXPECT_LT(loop.now() - start, milliseconds(256)) << "of 4 ms at most";
}

TEST_F(RedisConnection, NeverWaitsLongerThanTheBound) {
  options.retry_min = milliseconds(1);
  options.retry_max = milliseconds(2);
  open();
  listener.reset();
  peer().close();
  wait([&] { return losses.size() == 60; });
}

TEST_F(RedisConnection, CountsAsLostWhenAnAnswerDoesNotCome) {
  options.command_timeout = milliseconds(20);
  open();
  turn_until(loop, [] { return false; }, milliseconds(60));
  EXPECT_TRUE(losses.empty()) << "nothing was asked";
  send({"A"});
  wait([&] { return !losses.empty(); });
  EXPECT_EQ(losses[0], "no answer in time");
  EXPECT_EQ(answers[0], "lost");
}

TEST_F(RedisConnection, IsPatientWhileAnswersCome) {
  constexpr int count = 400;
  options.command_timeout = milliseconds(400);
  open();
  const TimePoint start = loop.now();
  for (int i = 0; i < count; ++i) send({"A"});
  for (int i = 0; i < count; ++i) {
    turn_until(loop, [] { return false; }, milliseconds(2));
    peer().answer("+a\r\n");
  }
  wait([&] { return connection->idle(); });
  EXPECT_GT(loop.now() - start, options.command_timeout) << "the last waited longer than that";
  EXPECT_TRUE(losses.empty());
}

TEST_F(RedisConnection, GivesUpAServerThatDoesNotSpeakTheProtocol) {
  for (const char* answer : {"HTTP/1.1 400 Bad Request\r\n\r\n", "$-9\r\n", "*-7\r\n", "%1\r\n"}) {
    losses.clear();
    connects = 0;
    peers.clear();
    listener.reset();
    connection.reset();
    open();
    send({"A"});
    peer().answer(answer);
    wait([&] { return !losses.empty(); });
    EXPECT_EQ(losses[0], "an answer that is not Redis protocol") << answer;
  }
}

TEST_F(RedisConnection, GivesUpAServerThatAnswersWithoutBeingAsked) {
  open();
  peer().answer("+surprise\r\n");
  wait([&] { return !losses.empty(); });
  EXPECT_EQ(losses[0], "an answer that is not Redis protocol");
}

TEST_F(RedisConnection, EndsWhenItIsDroppedFromAnAnswer) {
  open();
  connection->send({"A"}, [&](const redisReply*) { connection->drop("enough"); });
  send({"B"});
  peer().answer("+a\r\n+b\r\n");
  wait([&] { return !losses.empty(); });
  EXPECT_EQ(losses[0], "enough");
  EXPECT_EQ(answers[0], "lost") << "though its answer had come";
  wait([&] { return connects == 2; });
}

TEST_F(RedisConnection, MayBeDestroyedFromAnAnswer) {
  open();
  connection->send({"A"}, [&](const redisReply*) { connection.reset(); });
  send({"B"});
  peer().answer("+a\r\n+b\r\n");
  wait([&] { return connection == nullptr; });
  EXPECT_EQ(answers[0], "") << "dropped unanswered";
}

TEST_F(RedisConnection, SaysWhyItCannotConnect) {
  open();
  listener.reset();
  peer().close();
  wait([&] { return losses.size() >= 2; });
  EXPECT_THAT(losses[1], testing::HasSubstr("127.0.0.1"));
}

TEST(RedisErrorCode, IsTheFirstWordAlone) {
  struct Case {
    std::string text;
    const char* code;
  };
  const Case cases[] = {
      {"NOSCRIPT No matching script.", "NOSCRIPT"},
      {"ERR", "ERR"},
      {"ERR unknown command `AUTH`, with args beginning with: `secret`", "ERR"},
      {"secret", "answer"},
      {"", "answer"},
  };
  for (const Case& c : cases) {
    std::string text = c.text;
    redisReply reply{};
    reply.type = REDIS_REPLY_ERROR;
    reply.str = text.data();
    reply.len = text.size();
    EXPECT_EQ(error_code(reply), c.code) << c.text;
  }
}

}  // namespace
}  // namespace crier::redis
