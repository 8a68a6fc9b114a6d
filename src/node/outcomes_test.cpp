#include "node/outcomes.hpp"

#include <gtest/gtest.h>
#include <ostream>

namespace crier::node {

// For what GoogleTest prints.
void PrintTo(Outcomes::Begin begin, std::ostream* out) { *out << static_cast<int>(begin); }
void PrintTo(Outcomes::Fate fate, std::ostream* out) { *out << static_cast<int>(fate); }

namespace {

using Begin = Outcomes::Begin;
using Fate = Outcomes::Fate;
using std::chrono::seconds;

class OutcomesTest : public testing::Test {
 protected:
  OutcomesTest() { make(3, 2); }
  void make(std::size_t unknown_max, std::size_t known_max) {
    outcomes.emplace(Outcomes::Options{unknown_max, known_max, seconds(10)}, random);
  }
  Begin begin(const std::string& key, const Bytes& body) {
    return outcomes->begin(key, body, now).what;
  }
  Begin begin(const std::string& key) { return begin(key, one); }
  Fate failed(const std::string& key) { return outcomes->failed(key, one, now).fate; }
  void stored(const std::string& key) { outcomes->stored(key, one, numbered, now); }
  void leave_unknown(const std::string& key) {
    ASSERT_EQ(begin(key), Begin::append);
    outcomes->unknown(key, now);
  }
  void send_unnumbered(const std::string& key) {
    ASSERT_EQ(begin(key), Begin::append);
    ASSERT_EQ(failed(key), Fate::absent);
    outcomes->sent(key, one, unnumbered, now);
  }

  Random random = Random::seeded(1);
  std::optional<Outcomes> outcomes;
  TimePoint now{seconds(100)};
  const Bytes one{"one"};
  const Bytes two{"two"};
  const Position numbered{"e.1", 1, "t", true, false};
  const Position unnumbered{{}, 0, "t", false, false};
};

TEST_F(OutcomesTest, NoMoreAreOpenOrUnknownThanTheBound) {
  leave_unknown("a");
  leave_unknown("b");
  EXPECT_EQ(begin("c"), Begin::append) << "the last place";
  EXPECT_EQ(begin("d"), Begin::full);
  EXPECT_EQ(begin("a"), Begin::append) << "it has its place";
  EXPECT_EQ(outcomes->unknown_count(), 3U);
  stored("c");
  EXPECT_EQ(begin("d"), Begin::append);
  EXPECT_EQ(begin("e"), Begin::full);
}

TEST_F(OutcomesTest, AnUnknownOutcomeIsForgottenForNoOther) {
  leave_unknown("a");
  for (int i = 0; i < 1'400; ++i) send_unnumbered("k" + std::to_string(i));
  EXPECT_EQ(begin("a"), Begin::append);
  EXPECT_EQ(failed("a"), Fate::unknown);
}

TEST_F(OutcomesTest, AnUnknownOutcomeIsForgottenWhenTheStoreHasAnswered) {
  leave_unknown("a");
  EXPECT_EQ(begin("a"), Begin::append);
  stored("a");
  EXPECT_EQ(outcomes->unknown_count(), 0U);
  leave_unknown("b");
  EXPECT_EQ(begin("b"), Begin::append);
  outcomes->taken("b");
  EXPECT_EQ(outcomes->unknown_count(), 0U);
  EXPECT_EQ(begin("b"), Begin::append);
  EXPECT_EQ(failed("b"), Fate::absent);
}

TEST_F(OutcomesTest, AnUnknownOutcomeIsForgottenATtlAfterItsKeyCameLast) {
  leave_unknown("a");
  now += seconds(9);
  EXPECT_EQ(begin("a"), Begin::append);
  EXPECT_EQ(failed("a"), Fate::unknown);
  now += seconds(9);
  EXPECT_EQ(begin("a"), Begin::append);
  EXPECT_EQ(failed("a"), Fate::unknown);
  now += seconds(10);
  EXPECT_EQ(begin("a"), Begin::append);
  EXPECT_EQ(failed("a"), Fate::absent);
}

TEST_F(OutcomesTest, WhatIsUnderWayIsNotForgottenByTime) {
  EXPECT_EQ(begin("a"), Begin::append);
  now += seconds(100);
  EXPECT_EQ(begin("b"), Begin::append);
  EXPECT_EQ(outcomes->unknown_count(), 2U);
  outcomes->unknown("a", now);
  EXPECT_EQ(begin("a"), Begin::append);
  EXPECT_EQ(failed("a"), Fate::unknown);
}

TEST_F(OutcomesTest, AKeyWhoseFirstAppendIsUnderWayMayBeStored) {
  EXPECT_EQ(begin("a"), Begin::append);
  EXPECT_EQ(begin("a"), Begin::append);
  EXPECT_EQ(failed("a"), Fate::unknown) << "the other one may have happened";
  EXPECT_EQ(failed("a"), Fate::absent) << "now nothing has";
  EXPECT_EQ(outcomes->unknown_count(), 0U);
}

TEST_F(OutcomesTest, AKeyThatWasStoredIsKnownThoughTheStoreCannotSay) {
  EXPECT_EQ(begin("a"), Begin::append);
  stored("a");
  const auto began = outcomes->begin("a", one, now);
  EXPECT_EQ(began.what, Begin::known) << "the store may have lost it, and the members have it";
  EXPECT_EQ(began.position.id, "e.1");
  EXPECT_TRUE(began.position.repeated);
  EXPECT_EQ(begin("a", two), Begin::other_body);
  EXPECT_EQ(outcomes->unknown_count(), 0U) << "nothing is under way";
}

TEST_F(OutcomesTest, AKeyThatWasStoredByAnAppendBesideItIsKnownWhenTheOtherFails) {
  for (int i = 0; i < 2; ++i) EXPECT_EQ(begin("a"), Begin::append);
  stored("a");
  const auto failure = outcomes->failed("a", one, now);
  EXPECT_EQ(failure.fate, Fate::stored);
  EXPECT_EQ(failure.position.id, "e.1");
  EXPECT_TRUE(failure.position.repeated);
}

TEST_F(OutcomesTest, KnownOutcomesHaveABoundForEachKind) {
  for (const std::string key : {"a", "b", "c"}) {
    EXPECT_EQ(begin(key), Begin::append);
    stored(key);
    now += seconds(1);
  }
  send_unnumbered("x");
  send_unnumbered("y");
  EXPECT_EQ(begin("x"), Begin::known) << "just at the bound";
  EXPECT_EQ(begin("b"), Begin::known);
  EXPECT_EQ(begin("c"), Begin::known);
  EXPECT_EQ(begin("a"), Begin::append) << "the oldest went";
  send_unnumbered("z");
  EXPECT_EQ(begin("y"), Begin::known);
  EXPECT_EQ(begin("x"), Begin::append) << "the oldest went";
}

TEST_F(OutcomesTest, AKnownOutcomeIsForgottenATtlAfterItBecameKnown) {
  EXPECT_EQ(begin("a"), Begin::append);
  stored("a");
  send_unnumbered("x");
  now += seconds(9);
  EXPECT_EQ(begin("a"), Begin::known);
  EXPECT_EQ(begin("x"), Begin::known);
  now += seconds(1);
  EXPECT_EQ(begin("a"), Begin::append) << "as the store forgets it";
  EXPECT_EQ(failed("a"), Fate::absent);
  EXPECT_EQ(begin("x"), Begin::append);
}

TEST_F(OutcomesTest, AnotherBodyIsTold) {
  EXPECT_EQ(begin("a"), Begin::append);
  EXPECT_EQ(begin("a", two), Begin::other_body) << "while the first is under way";
  outcomes->unknown("a", now);
  EXPECT_EQ(begin("a", two), Begin::other_body) << "its body is not kept, but a digest is";
  EXPECT_EQ(begin("a"), Begin::append);
  send_unnumbered("b");
  EXPECT_EQ(begin("b", two), Begin::other_body);
}

TEST_F(OutcomesTest, KeysOfTwoProgramsAreTwo) {
  EXPECT_NE(Outcomes::key("p", "qk"), Outcomes::key("pq", "k"));
}

}  // namespace
}  // namespace crier::node
