#include "node/publisher.hpp"

#include "history/memory_store.hpp"
#include "history/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>

namespace crier::node {
namespace {

using history::StoreError;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view event =
    R"({"event":"request:created","requestId":"r1","data":{},"performedBy":{"userId":"u","name":"U"}})";

/// A store in memory that fails as the test says.
class FailingLog final : public history::EventLog {
 public:
  void append(history::AppendRequest request, history::Done<history::Appended> done) override {
    if (hold) return held.push_back(std::move(done));
    if (failure) return done(Unexpected{*failure});
    if (request.program == failing_program) {
      ++failed;
      return done(Unexpected{StoreError::unavailable});
    }
    appended.push_back(request.program + " " + std::string(request.body.view()));
    deepest = std::max(deepest, ++depth);
    store.append(std::move(request), std::move(done));
    --depth;
  }
  [[nodiscard]] bool available() const override { return !failure; }
  void when_available(std::function<void()> call) override { store.when_available(call); }

  history::MemoryStore store{{}, [] { return WallTime{1'000'000}; }, Random::seeded(7)};
  /// Answers the appends that it held.
  void fail_held(StoreError error) {
    for (const auto& done : std::exchange(held, {})) done(Unexpected{error});
  }

  std::optional<StoreError> failure;
  std::string failing_program;  ///< Its appends fail, though the store is there.
  int failed = 0;               ///< Of these.
  int depth = 0;                ///< Of appends inside each other,
  int deepest = 0;
  bool hold = false;  ///< Appends are not answered yet.
  std::vector<history::Done<history::Appended>> held;
  std::vector<std::string> appended;
};

class PublisherTest : public testing::Test {
 protected:
  void make(OutagePolicy policy, std::size_t event_bytes_max = 65'536,
            std::size_t unknown_max = 100) {
    Publisher::Options options;
    options.policy = policy;
    options.event_bytes_max = event_bytes_max;
    options.outcomes.unknown_max = unknown_max;
    publisher.emplace(
        Publisher::Parts{worker, history, owed, catalog, random, [] { return WallTime{5'000'000}; },
                         [this](const std::string& program, const Bytes& body) {
                           EXPECT_TRUE(owed.owes(program)) << "before anybody has it";
                           delivered.push_back(program + " " + std::string(body.view()));
                         }},
        options);
  }
  /// `id seq`, `unnumbered`, or status and code; empty: it is not answered yet.
  std::string publish(std::string token = {}, std::string_view body = event,
                      std::string_view program = "p") {
    const auto words = std::make_shared<std::string>();  // the answer may come later
    publisher->publish(program, body, std::move(token), [words](const Result<Position>& result) {
      if (!result) {
        *words = std::to_string(result.error().status) + " " + result.error().code;
      } else {
        *words = result->recoverable ? std::to_string(result->seq) : "unnumbered";
        if (result->repeated) *words += " again";
      }
    });
    return *words;
  }

  web::Worker worker{{}, {}};
  Random random = Random::seeded(1);
  FailingLog history;
  Owed owed;
  catalog::Catalog catalog = catalog::Catalog::built_in();
  std::vector<std::string> delivered;
  std::optional<Publisher> publisher;
};

TEST_F(PublisherTest, ATokenBringsTheFirstPositionAgainAndNoOtherBody) {
  make(OutagePolicy::deliver);
  EXPECT_EQ(publish("t"), "1");
  EXPECT_EQ(publish("t"), "1 again");
  std::string other(event);
  other.replace(other.find("r1"), 2, "r2");
  EXPECT_EQ(publish("t", other), "409 idempotency_key_reused");
  EXPECT_EQ(publish(), "2");
}

TEST_F(PublisherTest, ATokenWhoseEventWasStoredDoesNotReachTheHistoryAgain) {
  make(OutagePolicy::deliver);
  EXPECT_EQ(publish("t"), "1");
  EXPECT_EQ(publish("t"), "1 again");
  EXPECT_THAT(history.appended, testing::SizeIs(1)) << "it may have lost the event and its token";
}

TEST_F(PublisherTest, WhileTheHistoryIsAwayEventsGoOutUnnumberedAndLeaveAMarker) {
  make(OutagePolicy::deliver);
  history.failure = StoreError::unavailable;
  EXPECT_EQ(publish(), "unnumbered");
  EXPECT_EQ(publish(), "unnumbered");
  EXPECT_THAT(delivered, testing::SizeIs(2));
  EXPECT_THAT(delivered.front(), testing::StartsWith("p {\"event\":\"request:created\","));
  publisher->tick(publisher->deadline());
  EXPECT_THAT(history.appended, IsEmpty());
  history.failure.reset();
  publisher->tick(publisher->deadline());
  EXPECT_THAT(history.appended, ElementsAre("p " + std::string(history::gap_marker)));
}

TEST_F(PublisherTest, AMarkerThatIsOwedComesBeforeTheNextEvent) {
  make(OutagePolicy::deliver);
  history.failure = StoreError::unavailable;
  publish();
  history.failure.reset();
  EXPECT_EQ(publish(), "2");
  EXPECT_EQ(history.appended.size(), 2U);
  EXPECT_EQ(history.appended.front(), "p " + std::string(history::gap_marker));
}

TEST_F(PublisherTest, AMarkerThatFailedIsTriedAgainUntilItIsStored) {
  make(OutagePolicy::deliver);
  history.failure = StoreError::unavailable;
  publish();
  history.failure.reset();
  history.failing_program = "p";
  for (int i = 0; i < 3; ++i) {
    ASSERT_NE(publisher->deadline(), never);
    publisher->tick(publisher->deadline());
    EXPECT_TRUE(owed.owes("p"));
  }
  EXPECT_EQ(history.failed, 3) << "once a tick";
  history.failing_program.clear();
  publisher->tick(publisher->deadline());
  EXPECT_THAT(history.appended, ElementsAre("p " + std::string(history::gap_marker)));
  EXPECT_FALSE(owed.any());
  publisher->tick(publisher->deadline());
  EXPECT_EQ(publisher->deadline(), never);
}

TEST_F(PublisherTest, AProgramWhoseAppendsFailIsOwedForAsLongAsTheyDo) {
  make(OutagePolicy::deliver);
  history.failing_program = "p";
  EXPECT_EQ(publish(), "unnumbered");
  EXPECT_EQ(publish({}, event, "q"), "1");
  EXPECT_EQ(publish(), "unnumbered");
  publisher->tick(publisher->deadline());
  EXPECT_TRUE(owed.owes("p"));
  EXPECT_FALSE(owed.owes("q"));
  history.failing_program.clear();
  EXPECT_EQ(publish({}, event, "q"), "2");
  publisher->tick(publisher->deadline());
  EXPECT_FALSE(owed.any());
}

TEST_F(PublisherTest, AMarkerThatIsUnderWayDoesNotSettleWhatGoesOutMeanwhile) {
  make(OutagePolicy::deliver);
  history.failure = StoreError::unavailable;
  publish();
  history.failure.reset();
  history.hold = true;
  publisher->settle();
  ASSERT_EQ(history.held.size(), 1U);
  publish();
  history.hold = false;
  const auto held = std::exchange(history.held, {});
  history.failing_program = "p";
  held[1](Unexpected{StoreError::unavailable});
  history.failing_program.clear();
  held[0](history::Appended{});
  EXPECT_FALSE(owed.any()) << "a second marker has been stored";
  EXPECT_THAT(history.appended, ElementsAre("p " + std::string(history::gap_marker)));
}

TEST_F(PublisherTest, MoreProgramsThanMarkersUnderWayAreAllSettled) {
  make(OutagePolicy::deliver);
  history.hold = true;
  for (int i = 0; i < 1'001; ++i) owed.owe("p" + std::to_string(i));
  publisher->settle();
  EXPECT_EQ(history.held.size(), 1'000U);
  history.hold = false;
  for (const auto& done : std::exchange(history.held, {})) done(history::Appended{});
  EXPECT_EQ(history.appended.size(), 1U);
  EXPECT_FALSE(owed.any());
}

TEST_F(PublisherTest, ManyMarkersThatEndAtOnceDoNotNest) {
  make(OutagePolicy::deliver);
  for (int i = 0; i < 1'500; ++i) owed.owe("p" + std::to_string(i));
  publisher->settle();
  EXPECT_FALSE(owed.any());
  EXPECT_EQ(history.deepest, 1);
}

/// Of processes that end while the test runs.
class Left final : public OwedRecord {
 public:
  explicit Left(std::vector<std::string>& programs) : programs_(programs) {}
  std::vector<std::string> take_over() override { return std::exchange(programs_, {}); }
  void add(const std::string& /*program*/) override {}
  void replace(const std::vector<std::string>& programs) override { kept = programs; }
  [[nodiscard]] std::string place() const override { return "here"; }
  [[nodiscard]] bool was_unreadable() const override { return unreadable; }
  void clear_unreadable() override { ++cleared; }

  bool unreadable = false;
  int cleared = 0;
  std::vector<std::string> kept{"not replaced"};

 private:
  std::vector<std::string>& programs_;
};

TEST(PublisherOfSeveral, SettlesWhatAnotherProcessLeaves) {
  web::Worker worker{{}, {}};
  Random random = Random::seeded(1);
  FailingLog history;
  const auto catalog = catalog::Catalog::built_in();
  std::vector<std::string> left;
  auto record = std::make_unique<Left>(left);
  const Left& saved = *record;
  Owed owed(std::move(record));
  Publisher publisher({worker, history, owed, catalog, random, [] { return WallTime{}; }, {}}, {});
  left = {"p"};
  ASSERT_NE(publisher.deadline(), never);
  publisher.tick(publisher.deadline());
  EXPECT_THAT(history.appended, ElementsAre("p " + std::string(history::gap_marker)));
  publisher.turn_end();
  EXPECT_THAT(saved.kept, IsEmpty()) << "a process that is killed now leaves nothing";
}

TEST(PublisherOfSeveral, SettlesSoonWhatIsOwedBecauseItCouldNotBeRead) {
  web::Worker worker{{}, {}};
  Random random = Random::seeded(1);
  FailingLog history;
  const auto catalog = catalog::Catalog::built_in();
  std::vector<std::string> none;
  auto record = std::make_unique<Left>(none);
  record->unreadable = true;
  Owed owed(std::move(record));
  Publisher publisher({worker, history, owed, catalog, random, [] { return WallTime{}; }, {}}, {});
  EXPECT_TRUE(owed.owes_to("p")) << "each admission adds its program";
  ASSERT_LE(publisher.deadline(), worker.now() + std::chrono::seconds(1));
  publisher.tick(publisher.deadline());
  EXPECT_THAT(history.appended, ElementsAre("p " + std::string(history::gap_marker)));
}

TEST(PublisherOfSeveral, WhatCouldNotBeReadIsRememberedForAsLongAsACursorIsInUse) {
  web::Worker worker{{}, {}};
  Random random = Random::seeded(1);
  FailingLog history;
  const auto catalog = catalog::Catalog::built_in();
  std::vector<std::string> none;
  auto made = std::make_unique<Left>(none);
  Left& record = *made;
  record.unreadable = true;
  Owed owed(std::move(made));
  Publisher::Options options;
  options.cursors_for = std::chrono::hours(2);
  Publisher publisher({worker, history, owed, catalog, random, [] { return WallTime{}; }, {}},
                      options);
  record.unreadable = false;
  const TimePoint begin = worker.now();
  publisher.tick(begin + std::chrono::hours(1));
  record.unreadable = true;  // of another process
  publisher.tick(begin + std::chrono::minutes(90));
  record.unreadable = false;
  publisher.tick(begin + std::chrono::minutes(210) - std::chrono::milliseconds(1));
  EXPECT_EQ(record.cleared, 0);
  publisher.tick(begin + std::chrono::minutes(211));
  EXPECT_EQ(record.cleared, 1);
  publisher.tick(begin + std::chrono::hours(9));
  EXPECT_EQ(record.cleared, 1);
  EXPECT_TRUE(owed.is_unsure()) << "who has not asked yet may have an older cursor still";
}

TEST_F(PublisherTest, ThePolicyRefuseSendsNothingAndOwesNothing) {
  make(OutagePolicy::refuse);
  history.failure = StoreError::unavailable;
  EXPECT_EQ(publish(), "503 history_unavailable");
  EXPECT_EQ(publisher->deadline(), never);
}

TEST_F(PublisherTest, AnOutcomeThatIsUnknownIsNeverGuessed) {
  make(OutagePolicy::deliver);
  history.failure = StoreError::unknown;
  EXPECT_EQ(publish("t"), "503 outcome_unknown");
  history.failure = StoreError::unavailable;
  EXPECT_EQ(publish("t"), "503 outcome_unknown") << "it may be with the members already";
  EXPECT_EQ(publish("another"), "unnumbered");
  history.failure.reset();
  EXPECT_EQ(publish("t"), "2");
}

TEST_F(PublisherTest, WhatWentOutUnnumberedDoesNotGoOutAgain) {
  make(OutagePolicy::deliver);
  history.failure = StoreError::unavailable;
  EXPECT_EQ(publish("t"), "unnumbered");
  EXPECT_EQ(publish("t"), "unnumbered again");
  history.failure.reset();
  EXPECT_EQ(publish("t"), "unnumbered again");
  EXPECT_EQ(history.appended.size(), 0U);
}

TEST_F(PublisherTest, OfManyPublishesInAnOutageNoneIsDeliveredTwice) {
  make(OutagePolicy::deliver, 65'536, 10'000);
  const auto key = [](int i) { return "k" + std::to_string(i); };
  history.hold = true;
  for (int i = 0; i < 200; ++i) EXPECT_EQ(publish(key(i)), "") << "under way";
  history.hold = false;
  history.failure = StoreError::unavailable;
  for (int i = 200; i < 1'400; ++i) EXPECT_EQ(publish(key(i)), "unnumbered");
  EXPECT_EQ(publish(key(7)), "503 outcome_unknown") << "its first append may yet happen";
  history.fail_held(StoreError::unknown);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(publish(key(i)), "503 outcome_unknown");
  for (int i = 200; i < 1'400; ++i) EXPECT_EQ(publish(key(i)), "unnumbered again");
  EXPECT_EQ(delivered.size(), 1'200U);
  history.failure.reset();
  for (int i = 0; i < 200; ++i) EXPECT_EQ(publish(key(i)), std::to_string(i + 2));
  EXPECT_EQ(publisher->unknown_outcomes(), 0U);
}

TEST_F(PublisherTest, AtTheBoundOfUnknownOutcomesAKeyedPublishDoesNothing) {
  make(OutagePolicy::deliver, 65'536, 2);
  history.failure = StoreError::unknown;
  EXPECT_EQ(publish("a"), "503 outcome_unknown");
  EXPECT_EQ(publish("b"), "503 outcome_unknown") << "the last place";
  history.failure = StoreError::unavailable;
  EXPECT_EQ(publish("c"), "503 outcomes_unknown_full");
  EXPECT_THAT(delivered, IsEmpty());
  EXPECT_EQ(publish(), "unnumbered") << "nobody can repeat it";
  history.failure.reset();
  EXPECT_EQ(publish("c"), "503 outcomes_unknown_full");
  EXPECT_EQ(publish("a"), "2");
  EXPECT_EQ(publish("c"), "3");
}

TEST_F(PublisherTest, WhatWasStoredDoesNotGoOutAgainWhenTheHistoryIsAway) {
  make(OutagePolicy::deliver);
  EXPECT_EQ(publish("t"), "1");
  history.failure = StoreError::unavailable;
  EXPECT_EQ(publish("t"), "1 again");
  EXPECT_THAT(delivered, IsEmpty());
}

TEST_F(PublisherTest, AnEventIsAsLargeAsTheBoundAndNoLarger) {
  make(OutagePolicy::deliver, 256 + event.size() + std::string_view(R"("programId":"p",)").size());
  EXPECT_EQ(publish(), "1");
  EXPECT_EQ(publish({}, event, "pq"), "413 too_large");
}

TEST_F(PublisherTest, ATokenIsAsLongAsTheBoundAndNoLonger) {
  make(OutagePolicy::deliver);
  EXPECT_EQ(publish(std::string(259, 't')), "1");
  EXPECT_EQ(publish(std::string(260, 't')), "400 bad_idempotency_key");
}

TEST_F(PublisherTest, RefusesWhatIsNotAProgramAndEverythingWhenToldTo) {
  make(OutagePolicy::deliver);
  EXPECT_EQ(publish({}, event, ""), "422 bad_program");
  publisher->refuse_publishes();
  EXPECT_EQ(publish(), "503 shutting_down");
  EXPECT_TRUE(publisher->idle());
}

}  // namespace
}  // namespace crier::node
