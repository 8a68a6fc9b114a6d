#include "store_link.hpp"

#include "tests/contract/history_contract.hpp"
#include "tests/contract/sessions_contract.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>

namespace crier::history {
namespace {

using simulation::StoreLink;
using simulation::StoreModel;
using simulation::World;
using std::chrono::milliseconds;

/// A store and one node's link to it, in virtual time.
struct SimulatedSubject {
  static constexpr milliseconds ttl{500};

  ~SimulatedSubject() { link.reset(); }
  void open(const Retention& retention) {
    model = std::make_unique<StoreModel>(world, retention, nullptr);
    link = std::make_unique<StoreLink>(loop, *model, Random::seeded(1), "link");
    wait([this] { return link->available(); });
  }
  void close() { link.reset(); }
  HistoryStore& store() { return *link; }
  EventLog& log() { return *link; }
  template <class Predicate>
  void wait(Predicate holds) {
    const TimePoint end = world.now() + std::chrono::seconds(20);
    while (!holds()) {
      ASSERT_LT(world.now(), end) << "never happened";
      ASSERT_TRUE(world.step()) << "never happens";
    }
  }
  template <class Predicate>
  bool eventually_expired(Predicate holds) {
    const bool early = holds();
    world.run_until(world.now() + 3 * ttl);
    return !early && holds();
  }

  World world{1};
  net::Loop loop;
  std::unique_ptr<StoreModel> model;
  std::unique_ptr<StoreLink> link;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Simulated, HistoryContract, SimulatedSubject);
INSTANTIATE_TYPED_TEST_SUITE_P(Simulated, SessionsContract, SimulatedSubject);

class StoreLinkTest : public testing::Test {
 protected:
  void SetUp() override {
    subject.open({});
    subject.store().listen(heard);
    subject.store().subscribe("p");
    subject.wait([this] { return heard.count("subscribed p") == 1 && heard.count("claims") == 1; });
  }

  /// What became of an append during which `fault` happens.
  Result<Appended, StoreError> append_during(const std::function<void()>& fault,
                                             const std::string& token = {}) {
    std::optional<Result<Appended, StoreError>> outcome;
    subject.store().append({"p", Bytes(std::string("{}")), token},
                           [&](auto result) { outcome = result; });
    fault();
    subject.wait([&] { return outcome.has_value(); });
    return *outcome;
  }

  Heard heard;
  SimulatedSubject subject;
};

TEST_F(StoreLinkTest, AppendsOnceThoughItsAnswerWasLost) {
  const auto result = append_during([this] {
    subject.world.run_until(subject.world.now() + milliseconds(1));
    subject.link->drop_commands();
  });
  ASSERT_TRUE(result);
  subject.wait([this] { return heard.events.size() == 1; });
  EXPECT_EQ(result->position.seq, 1U);
  EXPECT_FALSE(result->repeated);
}

TEST_F(StoreLinkTest, SaysThatItDoesNotKnowWhatBecameOfAnAppend) {
  const auto result = append_during([this] { subject.link->cut(std::chrono::seconds(9), false); });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), StoreError::unknown);
}

TEST_F(StoreLinkTest, LosesNothingOfWhatItSaysThatItHears) {
  subject.link->drop_subscriber();
  subject.wait([this] { return heard.count("lost") == 1; });
  EXPECT_FALSE(subject.link->hears());
  subject.wait([this] { return heard.count("subscribed p") == 2; });
  ASSERT_TRUE(append_during([] {}));
  subject.wait([this] { return heard.events.size() == 1; });
}

TEST_F(StoreLinkTest, NoticesASilentSubscriber) {
  subject.link->cut(milliseconds(100), true);
  subject.wait([this] { return heard.count("lost") == 1; });
}

TEST_F(StoreLinkTest, TellsWheneverItHasBecomeAvailable) {
  int called = 0;
  subject.link->when_available([&] {
    EXPECT_TRUE(subject.link->available());
    ++called;
  });
  EXPECT_EQ(called, 1) << "it was";
  subject.link->drop_commands();
  subject.wait([&] { return called == 2; });
}

TEST_F(StoreLinkTest, BeginsAnEpochWithAnotherInstance) {
  const auto before = append_during([] {});
  subject.model->restart(StoreModel::Loss::nothing, milliseconds(10));
  subject.wait([this] { return !subject.link->available(); });
  subject.wait([this] { return subject.link->available(); });
  const auto after = append_during([] {});
  EXPECT_NE(before->position.epoch, after->position.epoch);
  EXPECT_EQ(after->position.seq, 2U);
}

TEST_F(StoreLinkTest, BeginsAnEpochWhenNumbersHaveGoneBack) {
  subject.model->snapshot();
  const auto before = append_during([] {});
  subject.model->restart(StoreModel::Loss::since_snapshot, milliseconds(10));
  subject.wait([this] { return !subject.link->available(); });
  subject.wait([this] { return subject.link->available(); });
  const auto after = append_during([] {});
  EXPECT_NE(before->position.epoch, after->position.epoch);
  EXPECT_GT(after->position.gid, before->position.gid);
}

TEST_F(StoreLinkTest, BeginsAnEpochOnAServerThatWasSetBack) {
  const auto before = append_during([] {});
  subject.model->snapshot();
  StoreLink other(subject.loop, *subject.model, Random::seeded(2), "other");
  subject.wait([&] { return other.available(); });
  subject.model->set_back();
  std::optional<ReadReply> reply;
  other.read({{"p", 0, 0}}, [&](auto result) { reply = result.value(); });
  subject.wait([&] { return reply.has_value(); });
  EXPECT_NE(reply->epoch, before->position.epoch) << "though it lacks nothing that anybody saw";
}

TEST_F(StoreLinkTest, BeginsAnEpochForWhoHoldsWhatItHasNotNumbered) {
  const auto epoch = [this] {
    std::optional<Epoch> read;
    subject.store().read({{"p", 0, 0}}, [&](auto result) { read = result.value().epoch; });
    subject.wait([&] { return read.has_value(); });
    return *read;
  };
  const EventNumbers before = append_during([] {})->position;
  subject.store().witnessed(before.epoch, before.gid);
  subject.store().witnessed("another1", before.gid + 1'000);
  subject.store().witnessed(before.epoch, before.gid + 10'000'000);
  EXPECT_EQ(epoch(), before.epoch);
  subject.store().witnessed(before.epoch, before.gid + 1'000);
  const Epoch next = epoch();
  EXPECT_NE(next, before.epoch);
  subject.store().witnessed(next, append_during([] {})->position.gid + 1'000);
  EXPECT_EQ(epoch(), next) << "once a connection";
}

TEST_F(StoreLinkTest, HearsNothingWhileDeafThoughItsProbesAreAnswered) {
  subject.link->deafen(std::chrono::seconds(1));
  ASSERT_TRUE(append_during([] {}));
  std::optional<bool> probed;
  subject.store().probe([&](bool heard_all) { probed = heard_all; });
  subject.wait([&] { return probed.has_value(); });
  EXPECT_TRUE(*probed);
  EXPECT_TRUE(heard.events.empty());
  subject.wait([this] { return heard.count("lost") == 1; });
}

}  // namespace
}  // namespace crier::history
