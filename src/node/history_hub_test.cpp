#include "node/history_hub.hpp"

#include "history/memory_store.hpp"
#include "net/loopback.hpp"
#include "node/history_link.hpp"
#include "tests/contract/history_contract.hpp"
#include "tests/contract/sessions_contract.hpp"

#include <atomic>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <thread>

namespace crier::node {
namespace {

using history::Heard;
using history::Retention;
using testing::ElementsAre;
using testing::IsEmpty;

/// A store in memory on a thread of its own.
class Home {
 public:
  explicit Home(const Retention& retention, std::size_t backlog_bytes_max)
      : store_(
            retention, [this] { return clock.load(); }, Random::seeded(7)),
        shared(worker_, store_, backlog_bytes_max),
        thread_([this] { worker_.run(); }) {}
  ~Home() {
    worker_.stop();
    thread_.join();
  }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  /// Runs `task` on the home's thread, and returns when it has.
  void run(const std::function<void()>& task) {
    std::promise<void> done;
    worker_.loop().post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  void post(std::function<void()> task) { worker_.loop().post(std::move(task)); }
  history::MemoryStore& store() { return store_; }

  std::atomic<WallTime> clock = 1'700'000'000'000'000;

 private:
  web::Worker worker_{{}, {}};
  history::MemoryStore store_;

 public:
  HistoryHub shared;

 private:
  std::thread thread_;
};

/// Appends to a home's store, as its publisher does, and answers on the loop of a worker.
class HomeLog final : public history::EventLog {
 public:
  HomeLog(std::optional<Home>& home, net::Loop& loop) : home_(home), loop_(loop) {}

  void append(history::AppendRequest request, history::Done<history::Appended> done) override {
    home_->post([this, request = std::move(request), done = std::move(done)]() mutable {
      home_->store().append(std::move(request), [this, done = std::move(done)](auto outcome) {
        loop_.post([done, outcome] { done(outcome); });
      });
    });
  }
  [[nodiscard]] bool available() const override { return true; }
  void when_available(std::function<void()> call) override { call(); }

 private:
  std::optional<Home>& home_;
  net::Loop& loop_;
};

/// The store as the contract suite sees it: through a link.
struct LinkSubject {
  static constexpr std::chrono::milliseconds ttl{50};

  void open(const Retention& retention) {
    kept_ttl = retention.ttl;
    home.emplace(retention, 1'000'000);
    link.emplace(home->shared, worker);
  }
  void close() { link.reset(); }
  history::HistoryView& store() { return *link; }
  history::EventLog& log() { return appends; }
  template <class Predicate>
  void wait(Predicate holds) {
    ASSERT_TRUE(net::run_until(worker.loop(), holds));
  }
  template <class Predicate>
  bool eventually_expired(Predicate holds) {
    home->clock += std::chrono::microseconds(kept_ttl).count();
    const bool early = holds();
    home->clock += 1'000'000;
    return !early && holds();
  }
  ~LinkSubject() {
    link.reset();
    home.reset();
  }

  std::chrono::milliseconds kept_ttl{};
  web::Worker worker{{}, {}};
  std::optional<Home> home;
  std::optional<HistoryLink> link;
  HomeLog appends{home, worker.loop()};
};

}  // namespace
}  // namespace crier::node

namespace crier::history {
INSTANTIATE_TYPED_TEST_SUITE_P(Shared, HistoryContract, node::LinkSubject);
INSTANTIATE_TYPED_TEST_SUITE_P(Shared, SessionsContract, node::LinkSubject);
}  // namespace crier::history

namespace crier::node {
namespace {

class HistoryHubTest : public testing::Test {
 protected:
  /// What one worker has.
  struct End {
    explicit End(Home& home) : link(home.shared, worker) { link.listen(heard); }
    void subscribe(const std::string& program) {
      const std::string word = "subscribed " + program;
      const auto before = heard.count(word);
      link.subscribe(program);
      ASSERT_TRUE(net::run_until(worker.loop(), [&] { return heard.count(word) > before; }));
    }
    /// Until all that was published before has come.
    void catch_up() {
      std::optional<bool> heard_all;
      link.probe([&](bool all) { heard_all = all; });
      ASSERT_TRUE(net::run_until(worker.loop(), [&] { return heard_all.has_value(); }));
      EXPECT_TRUE(*heard_all);
    }
    web::Worker worker{{}, {}};
    Heard heard;
    HistoryLink link;
  };

  void publish(const std::string& program) {
    home.run([&] { home.store().append({program, Bytes(std::string("{}")), ""}, [](auto) {}); });
  }

  static constexpr std::size_t backlog_bytes_max = 100'000;
  Home home{Retention(), backlog_bytes_max};
};

TEST_F(HistoryHubTest, EachWorkerHearsWhatItSubscribedTo) {
  End one(home);
  End two(home);
  one.subscribe("a");
  one.subscribe("b");
  two.subscribe("b");
  for (const char* program : {"a", "b", "c", "b", "a"}) publish(program);
  one.catch_up();
  two.catch_up();
  EXPECT_THAT(one.heard.seqs(), ElementsAre("a1", "b1", "b2", "a2"));
  EXPECT_THAT(two.heard.seqs(), ElementsAre("b1", "b2"));
}

TEST_F(HistoryHubTest, OneWorkerMayLeaveAProgramThatAnotherOneKeeps) {
  End one(home);
  End two(home);
  one.subscribe("a");
  two.subscribe("a");
  one.link.unsubscribe("a");
  publish("a");
  one.catch_up();
  two.catch_up();
  EXPECT_THAT(one.heard.seqs(), IsEmpty());
  EXPECT_THAT(two.heard.seqs(), ElementsAre("a1"));
  two.link.unsubscribe("a");
  publish("a");
  two.subscribe("a");
  publish("a");
  two.catch_up();
  EXPECT_THAT(two.heard.seqs(), ElementsAre("a1", "a3"));
}

TEST_F(HistoryHubTest, WhatIsPostedForAnEarlierSubscriptionIsNotHeardByALaterOne) {
  End one(home);
  one.subscribe("a");
  publish("a");  // under way to the worker, whose loop does not run
  one.link.unsubscribe("a");
  one.subscribe("a");
  publish("a");
  one.catch_up();
  EXPECT_THAT(one.heard.seqs(), ElementsAre("a2"));
}

TEST_F(HistoryHubTest, AllHearWhenSomethingMayBeMissingAndAreSubscribedAnew) {
  End one(home);
  End two(home);
  one.subscribe("a");
  two.subscribe("a");
  home.run([&] { home.store().listen_again(); });
  for (End* end : {&one, &two}) {
    ASSERT_TRUE(
        net::run_until(end->worker.loop(), [&] { return end->heard.count("subscribed a") == 2; }));
  }
  for (const End* end : {&one, &two}) {
    EXPECT_THAT(end->heard.words,
                ElementsAre("claims", "subscribed a", "lost", "claims", "subscribed a"));
  }
}

TEST_F(HistoryHubTest, AClaimIsHeardByEveryWorker) {
  End one(home);
  End two(home);
  std::optional<history::Fence> fence;
  one.link.claim("sid", [&](auto result) { fence = result.value(); });
  ASSERT_TRUE(net::run_until(one.worker.loop(), [&] { return fence.has_value(); }));
  two.catch_up();
  EXPECT_THAT(two.heard.claims, ElementsAre(testing::Pair("sid", *fence)));
}

TEST_F(HistoryHubTest, IsIdleOnlyWhenWhatWasPostedHasArrived) {
  End one(home);
  one.subscribe("a");
  one.catch_up();
  EXPECT_TRUE(one.link.idle());
  publish("a");
  EXPECT_FALSE(one.link.idle());
  net::run_ready(one.worker.loop());
  EXPECT_TRUE(one.link.idle());
  EXPECT_THAT(one.heard.seqs(), ElementsAre("a1"));
}

TEST_F(HistoryHubTest, AWorkerThatIsTooFarBehindLosesWhatComesThenAndIsSubscribedAnew) {
  End slow(home);
  End quick(home);
  slow.subscribe("p");
  quick.subscribe("p");
  constexpr std::size_t fits = 4;  // bodies of 24,744 bytes, and 256 for each event
  const auto publish_big = [&] {
    const std::string body(backlog_bytes_max / fits - 256, 'x');
    home.run([&] { home.store().append({"p", Bytes(body), ""}, [](auto) {}); });
    quick.catch_up();
  };
  for (std::size_t i = 0; i < fits; ++i) publish_big();
  EXPECT_EQ(quick.heard.events.size(), fits);
  net::run_ready(slow.worker.loop());
  EXPECT_EQ(slow.heard.events.size(), fits) << "up to the bound nothing is lost";
  for (std::size_t i = 0; i < fits + 2; ++i) publish_big();
  ASSERT_TRUE(
      net::run_until(slow.worker.loop(), [&] { return slow.heard.count("subscribed p") == 2; }));
  EXPECT_EQ(slow.heard.events.size(), 2 * fits);
  EXPECT_THAT(slow.heard.words,
              ElementsAre("claims", "subscribed p", "lost", "claims", "subscribed p"));
  publish_big();
  slow.catch_up();
  EXPECT_EQ(slow.heard.seqs().back(), "p11");
  EXPECT_EQ(quick.heard.events.size(), 11U);
}

TEST_F(HistoryHubTest, AProbeOfAWorkerThatLosesSomethingMeanwhileIsNotAnsweredAsIfItHadAll) {
  End slow(home);
  slow.subscribe("p");
  const std::string body(backlog_bytes_max, 'x');
  home.run([&] {
    for (int i = 0; i < 2; ++i) home.store().append({"p", Bytes(body), ""}, [](auto) {});
  });
  std::optional<bool> heard_all;
  slow.link.probe([&](bool all) { heard_all = all; });
  ASSERT_TRUE(net::run_until(slow.worker.loop(), [&] { return heard_all.has_value(); }));
  EXPECT_FALSE(*heard_all);
  EXPECT_THAT(slow.heard.seqs(), ElementsAre("p1"));
}

TEST_F(HistoryHubTest, AnEventLargerThanTheBoundGetsThroughAlone) {
  End one(home);
  one.subscribe("p");
  const std::string body(2 * backlog_bytes_max, 'x');
  home.run([&] { home.store().append({"p", Bytes(body), ""}, [](auto) {}); });
  one.catch_up();
  EXPECT_THAT(one.heard.seqs(), ElementsAre("p1"));
}

TEST_F(HistoryHubTest, ALinkThatHasGoneIsToldNothing) {
  auto one = std::make_unique<End>(home);
  one->subscribe("a");
  End two(home);
  two.subscribe("a");
  bool answered = false;
  {
    HistoryLink brief(home.shared, two.worker);
    brief.read({{"a", 0, 0}}, [&](auto) { answered = true; });
  }
  publish("a");
  two.catch_up();
  EXPECT_FALSE(answered);
  EXPECT_THAT(two.heard.seqs(), ElementsAre("a1"));
  // The worker of a link outlives the home's thread, as in a gateway.
}

}  // namespace
}  // namespace crier::node
