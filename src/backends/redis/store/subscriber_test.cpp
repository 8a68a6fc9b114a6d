// The subscriber with a server whose answers are given by hand.

#include "backends/redis/store/subscriber.hpp"

#include "net/listener.hpp"
#include "tests/contract/heard.hpp"
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

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}
std::string confirmation(const std::string& word, const std::string& channel) {
  return "*3\r\n" + bulk(word) + bulk(channel) + ":1\r\n";
}
std::string subscribed(const std::string& channel) { return confirmation("subscribe", channel); }
std::string unsubscribed(const std::string& channel) {
  return confirmation("unsubscribe", channel);
}
std::string message(const std::string& channel, const std::string& text) {
  return "*3\r\n" + bulk("message") + bulk(channel) + bulk(text);
}
std::string event(const std::string& program, int seq) {
  const std::string number = std::to_string(seq);
  return message("socket:events:bus:program:" + program,
                 R"({"epoch":"epoch--1","program":")" + program + R"(","seq":)" + number +
                     R"(,"prev":0,"gid":)" + number + R"(,"envelope":{}})");
}

const std::string p = "socket:events:bus:program:p";
const std::string claims = "socket:events:bus:claims";
const std::string info = "$15\r\nrun_id:abcdef\r\n\r\n";
const std::string pong = "*2\r\n$4\r\npong\r\n$0\r\n\r\n";

class User final : public SubscriberUser {
 public:
  bool on_instance(const std::string& run_id) override {
    instances.push_back(run_id);
    return wanted.empty() || run_id == wanted;
  }
  void on_fault(const std::string& why) override {
    faults.push_back(why);
    if (heard.then) heard.then();
  }
  void subscribed(const std::string& program) override { heard.subscribed(program); }
  void published(history::Published event) override { heard.published(std::move(event)); }
  void claims_heard() override { heard.claims_heard(); }
  void claimed(const std::string& sid, history::Fence fence) override { heard.claimed(sid, fence); }
  void lost() override { heard.lost(); }

  history::Heard heard;
  std::string wanted;
  std::vector<std::string> instances;
  std::vector<std::string> faults;
};

class RedisSubscriber : public testing::Test {
 protected:
  void SetUp() override {
    auto bound = net::Listener::open(loop, {"127.0.0.1", 0}, [this](net::Stream stream) {
      peers.push_back(std::make_unique<Peer>(std::move(stream)));
    });
    listener = std::move(bound).value();
    options.url = "redis://127.0.0.1:" + std::to_string(listener->port());
  }
  void open(const Names& names = {0, false}) {
    const auto sink = [this](LogLevel, std::string_view line, std::initializer_list<LogField>) {
      lines.emplace_back(line);
    };
    subscriber = std::make_unique<Subscriber>(loop, parse_url(options.url).value(), options, names,
                                              random, user, sink);
  }
  void open_hearing() {
    open();
    wait_connection(1);
    answer(info);
    wait_sent("PING");
    answer(subscribed(claims) + pong);
    wait([&] { return subscriber->hears(); });
    take_sent();
  }
  /// Subscribes to p, confirmed.
  void hear_p() {
    subscriber->subscribe("p");
    wait_sent("PING");
    answer(subscribed(p) + pong);
    wait([&] { return user.heard.count("subscribed p") == 1; });
    take_sent();
  }
  void wait_connection(std::size_t number) {
    wait([&] { return peers.size() == number; });
    wait_sent("INFO");
  }
  /// Until the newest connection has received the word.
  void wait_sent(const std::string& word) {
    wait([&] { return peers.back()->received.find(word) != std::string::npos; });
  }
  std::string take_sent() { return std::exchange(peers.back()->received, {}); }
  void answer(const std::string& text) { peers.back()->answer(text); }
  template <class Predicate>
  void wait(Predicate holds) {
    ASSERT_TRUE(turn_until(loop, holds));
  }

  net::Loop loop;
  ConnectionOptions options{.command_timeout = std::chrono::seconds(20),
                            .retry_min = milliseconds(2),
                            .retry_max = milliseconds(10)};
  Random random = Random::seeded(5);
  std::unique_ptr<net::Listener> listener;
  std::vector<std::unique_ptr<Peer>> peers;
  User user;
  std::vector<std::string> lines;
  std::unique_ptr<Subscriber> subscriber;
};

TEST_F(RedisSubscriber, LearnsTheInstanceBeforeItSubscribes) {
  open();
  subscriber->subscribe("p");
  subscriber->subscribe("gone");
  subscriber->unsubscribe("gone");
  wait_connection(1);
  EXPECT_EQ(take_sent(), "*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n");
  EXPECT_FALSE(subscriber->hears());
  EXPECT_EQ(subscriber->run_id(), "");
  answer(info);
  wait_sent("PING");
  EXPECT_EQ(take_sent(),
            "*3\r\n$9\r\nSUBSCRIBE\r\n" + bulk(claims) + bulk(p) + "*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(subscriber->run_id(), "abcdef");
  EXPECT_FALSE(subscriber->hears());
  answer(subscribed(claims) + subscribed(p) + pong);
  wait([&] { return user.heard.count("subscribed p") == 1; });
  EXPECT_TRUE(subscriber->hears());
  EXPECT_THAT(user.heard.words, testing::ElementsAre("claims", "subscribed p"));
  EXPECT_TRUE(user.faults.empty());
}

TEST_F(RedisSubscriber, SubscribesToNothingOfAnInstanceThatIsOfNoUse) {
  user.wanted = "other";
  open();
  wait_connection(1);
  answer(info);
  wait_connection(2);
  EXPECT_EQ(peers[0]->received.find("SUBSCRIBE"), std::string::npos);
  EXPECT_EQ(subscriber->run_id(), "");
  EXPECT_EQ(user.heard.count("lost"), 0U) << "nothing was promised";
  ASSERT_FALSE(user.faults.empty());
  EXPECT_EQ(user.faults[0], "the connections lead to two servers");
}

TEST_F(RedisSubscriber, UsesTheShardedCommandsInACluster) {
  open(Names(0, true));
  subscriber->subscribe("p");
  wait_connection(1);
  answer(info);
  wait_sent("PING");
  EXPECT_NE(take_sent().find(bulk("SSUBSCRIBE") + bulk("{socket:events}:bus:claims") +
                             bulk("{socket:events}:bus:program:p")),
            std::string::npos);
  answer(confirmation("ssubscribe", "{socket:events}:bus:claims") +
         confirmation("ssubscribe", "{socket:events}:bus:program:p"));
  wait([&] { return user.heard.words.size() == 2; });
  answer("*3\r\n" + bulk("smessage") + bulk("{socket:events}:bus:claims") +
         bulk(R"({"sid":"a","fence":7})"));
  wait([&] { return user.heard.claims.size() == 1; });
  answer(confirmation("sunsubscribe", "{socket:events}:bus:program:p"));
  wait([&] { return user.heard.count("lost") == 1; });
  EXPECT_EQ(user.faults[0], "ended a subscription");
}

TEST_F(RedisSubscriber, SubscribesToAllProgramsOfATurnInOneCommand) {
  open_hearing();
  for (const char* program : {"a", "b", "c"}) subscriber->subscribe(program);
  wait_sent("PING");
  const std::string sent = take_sent();
  EXPECT_EQ(sent.find("*4\r\n$9\r\nSUBSCRIBE\r\n"), 0U) << sent;
  for (const char* program : {"a", "b"}) subscriber->unsubscribe(program);
  subscriber->subscribe("d");
  wait_sent("PING");
  EXPECT_EQ(take_sent(), "*3\r\n$11\r\nUNSUBSCRIBE\r\n" + bulk("socket:events:bus:program:a") +
                             bulk("socket:events:bus:program:b") + "*2\r\n$9\r\nSUBSCRIBE\r\n" +
                             bulk("socket:events:bus:program:d") + "*1\r\n$4\r\nPING\r\n");
}

TEST_F(RedisSubscriber, CutsAVeryLongCommand) {
  open_hearing();
  for (int i = 0; i < 2500; ++i) subscriber->subscribe(std::to_string(i));
  wait_sent("PING");
  const std::string sent = take_sent();
  EXPECT_EQ(sent.find("*1001\r\n$9\r\nSUBSCRIBE\r\n"), 0U);
  EXPECT_NE(sent.find("\r\n*501\r\n$9\r\nSUBSCRIBE\r\n"), std::string::npos);
}

TEST_F(RedisSubscriber, TakesOnlyTheConfirmationOfTheNewestSubscription) {
  open_hearing();
  subscriber->subscribe("p");
  wait_sent("PING");
  take_sent();
  subscriber->unsubscribe("p");
  wait_sent("PING");
  EXPECT_NE(take_sent().find("UNSUBSCRIBE"), std::string::npos);
  subscriber->subscribe("p");
  wait_sent("PING");
  take_sent();
  answer(subscribed(p) + event("p", 1) + pong + unsubscribed(p) + pong);
  bool probed = false;
  subscriber->probe([&](bool) { probed = true; });
  turn_until(loop, [] { return true; });
  EXPECT_EQ(user.heard.count("subscribed p"), 0U) << "that was the first one's";
  EXPECT_TRUE(user.heard.events.empty());
  answer(subscribed(p) + event("p", 2) + pong + pong);
  wait([&] { return probed; });
  EXPECT_EQ(user.heard.count("subscribed p"), 1U);
  EXPECT_THAT(user.heard.seqs(), testing::ElementsAre("p2"));
  EXPECT_TRUE(user.faults.empty());
}

TEST_F(RedisSubscriber, SendsNothingOfASubscriptionTakenBackInItsTurn) {
  open_hearing();
  subscriber->subscribe("p");
  subscriber->unsubscribe("p");
  subscriber->subscribe("q");
  wait_sent("PING");
  EXPECT_EQ(take_sent().find(p), std::string::npos);
}

TEST_F(RedisSubscriber, SubscribesAnewWhatItLeftAndWantedAgainInOneTurn) {
  open_hearing();
  hear_p();
  subscriber->unsubscribe("p");
  subscriber->subscribe("p");
  answer(event("p", 1));
  wait_sent("PING");
  const std::string sent = take_sent();
  EXPECT_EQ(sent.find("UNSUBSCRIBE"), std::string::npos);
  EXPECT_NE(sent.find(p), std::string::npos);
  answer(event("p", 2) + subscribed(p) + event("p", 3) + pong);
  wait([&] { return !user.heard.events.empty(); });
  EXPECT_THAT(user.heard.seqs(), testing::ElementsAre("p3")) << "not before it is confirmed again";
  EXPECT_EQ(user.heard.count("subscribed p"), 2U);
}

TEST_F(RedisSubscriber, ForgetsAConfirmationThatComesInTheTurnOfAChange) {
  open_hearing();
  subscriber->subscribe("p");
  wait_sent("PING");
  answer(subscribed(p) + message(claims, R"({"sid":"a","fence":1})") + pong);
  user.heard.then = [&] {  // when p is confirmed, and again when the claim is heard
    if (user.heard.count("subscribed p") == 1 && user.heard.claims.empty()) {
      subscriber->unsubscribe("p");
      subscriber->subscribe("p");
      subscriber->unsubscribe("p");
    }
  };
  wait_sent("UNSUBSCRIBE");
  answer(unsubscribed(p) + event("p", 1) + pong);
  bool probed = false;
  subscriber->probe([&](bool heard) { probed = heard; });
  answer(pong);
  wait([&] { return probed; });
  EXPECT_TRUE(user.heard.events.empty());
  EXPECT_EQ(user.heard.count("subscribed p"), 1U);
}

TEST_F(RedisSubscriber, PassesOverWhatIsNotCriersAndSaysSoOnce) {
  open_hearing();
  hear_p();
  answer(
      message(p, "{}") + message(p, "") + message(claims, "{}") + message("elsewhere", "x") +
      message(p, R"({"epoch":"epoch--1","program":"q","seq":1,"prev":0,"gid":1,"envelope":{}})") +
      event("other", 1) + event("p", 2));
  wait([&] { return !user.heard.events.empty(); });
  EXPECT_THAT(user.heard.seqs(), testing::ElementsAre("p2"));
  EXPECT_TRUE(user.heard.claims.empty());
  EXPECT_THAT(lines, testing::ElementsAre("A message on the bus is not one of Crier's"));
  EXPECT_TRUE(subscriber->hears());
}

TEST_F(RedisSubscriber, HearsClaims) {
  open_hearing();
  answer(message(claims, R"({"sid":"a","fence":7})") + message(claims, R"({"sid":"b","fence":8})"));
  wait([&] { return user.heard.claims.size() == 2; });
  EXPECT_THAT(user.heard.claims,
              testing::ElementsAre(testing::Pair("a", 7), testing::Pair("b", 8)));
}

TEST_F(RedisSubscriber, SubscribesAgainAfterALoss) {
  open_hearing();
  hear_p();
  subscriber->subscribe("q");
  subscriber->unsubscribe("q");
  peers.back()->close();
  wait_connection(2);
  EXPECT_THAT(user.heard.words, testing::ElementsAre("claims", "subscribed p", "lost"));
  EXPECT_FALSE(subscriber->hears());
  answer(info);
  wait_sent("PING");
  EXPECT_EQ(take_sent(), "*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n*3\r\n$9\r\nSUBSCRIBE\r\n" +
                             bulk(claims) + bulk(p) + "*1\r\n$4\r\nPING\r\n");
  answer(event("p", 1) + subscribed(claims) + event("p", 2) + subscribed(p) + event("p", 3));
  wait([&] { return user.heard.events.size() == 1; });
  EXPECT_THAT(user.heard.seqs(), testing::ElementsAre("p3"));
  EXPECT_THAT(user.heard.words,
              testing::ElementsAre("claims", "subscribed p", "lost", "claims", "subscribed p"));
}

TEST_F(RedisSubscriber, LetsAnAttemptGoOnThatItIsToldToDrop) {
  open();
  subscriber->drop("nothing yet");
  wait_connection(1);
  EXPECT_TRUE(user.faults.empty());
  answer(info);
  wait_sent("PING");
  answer(subscribed(claims) + pong);
  wait([&] { return subscriber->hears(); });
  subscriber->drop("told to");
  EXPECT_THAT(user.heard.words, testing::ElementsAre("claims", "lost"));
  EXPECT_THAT(user.faults, testing::ElementsAre("told to"));
  subscriber->drop("again");
  wait_connection(2);
  EXPECT_EQ(user.faults.size(), 1U);
}

TEST_F(RedisSubscriber, SaysLostOnlyOfWhatWasConfirmed) {
  open();
  subscriber->subscribe("p");
  wait_connection(1);
  answer(info);
  wait_sent("PING");
  peers.back()->close();
  wait_connection(2);
  EXPECT_TRUE(user.heard.words.empty());
  EXPECT_EQ(user.faults.size(), 1U);
}

TEST_F(RedisSubscriber, IsLostWhenTheServerEndsASubscription) {
  open_hearing();
  hear_p();
  answer(unsubscribed(p));
  wait([&] { return user.heard.count("lost") == 1; });
  wait_connection(2);
  answer(info);
  wait_sent("PING");
  answer(subscribed(claims) + subscribed(p) + unsubscribed(claims));
  wait([&] { return user.heard.count("lost") == 2; });
}

TEST_F(RedisSubscriber, IsLostWhenASubscriptionIsRefused) {
  open();
  wait_connection(1);
  answer(info);
  wait_sent("PING");
  answer("-NOPERM this user has no permissions to access one of the channels\r\n" + pong);
  wait([&] { return !user.faults.empty(); });
  EXPECT_EQ(user.faults[0],
            "refused a subscription (NOPERM this user has no permissions to access one of the "
            "channels)");
  EXPECT_TRUE(user.heard.words.empty());
}

TEST_F(RedisSubscriber, IsLostWhenTheOpeningMakesNoSense) {
  struct Case {
    std::string answer;
    const char* why;
  };
  const Case cases[] = {
      {"-LOADING no\r\n", "refused INFO (LOADING no)"},
      {"+OK\r\n", "an answer to INFO that makes no sense"},
      {info + "+OK\r\n", "an answer that makes no sense"},
      {info + ":1\r\n", "an answer that makes no sense"},
      {info + "*3\r\n" + bulk("message") + bulk("x") + ":1\r\n", "an answer that makes no sense"},
      {info + subscribed(claims) + pong + pong, "an answer that is not Redis protocol"},
      {"?", "an answer that is not Redis protocol"},
  };
  open();
  for (const Case& c : cases) {
    wait_connection(peers.size() == user.faults.size() ? peers.size() + 1 : peers.size());
    user.faults.clear();
    const std::size_t known = peers.size();
    answer(c.answer);
    wait([&] { return peers.size() > known; });
    ASSERT_FALSE(user.faults.empty());
    EXPECT_EQ(user.faults[0], c.why);
    wait_sent("INFO");
  }
}

TEST_F(RedisSubscriber, IsLostWhenAPingIsNotAnswered) {
  options.command_timeout = milliseconds(400);
  open_hearing();
  wait_sent("PING");
  answer(pong);
  take_sent();
  wait_sent("PING");
  EXPECT_TRUE(user.faults.empty()) << "it asks again and again";
  wait([&] { return user.heard.count("lost") == 1; });
  EXPECT_EQ(user.faults[0], "no answer in time");
}

TEST_F(RedisSubscriber, ProbesWithAPing) {
  open();
  std::vector<bool> probes;
  const auto probe = [&] { subscriber->probe([&](bool heard) { probes.push_back(heard); }); };
  probe();
  EXPECT_THAT(probes, testing::ElementsAre(false)) << "at once: nothing is heard";
  wait_connection(1);
  answer(info);
  wait_sent("PING");
  probe();
  EXPECT_EQ(probes.size(), 2U);
  answer(subscribed(claims) + pong);
  wait([&] { return subscriber->hears(); });
  hear_p();
  probes.clear();
  probe();
  answer(event("p", 1) + pong);
  wait([&] { return !probes.empty(); });
  EXPECT_THAT(probes, testing::ElementsAre(true));
  EXPECT_EQ(user.heard.events.size(), 1U);
  probe();
  probe();
  peers.back()->close();
  wait([&] { return probes.size() == 3; });
  EXPECT_THAT(probes, testing::ElementsAre(true, false, false));
  EXPECT_EQ(user.heard.words.back(), "lost") << "before the probes fail";
}

TEST_F(RedisSubscriber, FailsAProbeWhoseAnswerMakesNoSense) {
  open_hearing();
  std::optional<bool> outcome;
  subscriber->probe([&](bool heard) { outcome = heard; });
  answer("-ERR no\r\n");
  wait([&] { return outcome.has_value(); });
  EXPECT_FALSE(*outcome);
  EXPECT_EQ(user.heard.words.back(), "lost");
}

TEST_F(RedisSubscriber, MayBeDestroyedInAnyCall) {
  const std::string whole = subscribed(claims) + subscribed(p) + event("p", 1) +
                            message(claims, R"({"sid":"a","fence":1})") + "?";
  for (std::size_t calls = 1; calls <= 6; ++calls) {
    user = {};
    open();
    subscriber->subscribe("p");
    const std::size_t known = peers.size();
    wait([&] { return peers.size() > known; });
    wait_sent("INFO");
    std::size_t called = 0;
    user.heard.then = [&] {
      if (++called == calls) subscriber.reset();
    };
    answer(info);
    wait_sent("PING");
    bool probed = false;
    subscriber->probe([&](bool) { probed = true; });
    answer(whole);
    wait([&] { return subscriber == nullptr; });
    EXPECT_EQ(called, calls);
  }
}

}  // namespace
}  // namespace crier::redis
