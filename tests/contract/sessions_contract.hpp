#pragma once

// What every store must do with the positions of sessions.
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(Memory, SessionsContract, MemorySubject);

#include "tests/contract/history_fixture.hpp"

#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace crier::history {

template <class Subject>
class SessionsContract : public HistoryContract<Subject> {
 protected:
  /// A position whose holder is the same in all tests that do not ask for it.
  static SessionPosition position(std::string user, std::string session, std::string value) {
    return {std::move(user), std::move(session), "holder", std::move(value)};
  }
  void take_over(SessionPosition position) {
    std::optional<bool> done;
    this->store().take_over(std::move(position), [&](auto result) { done = result.has_value(); });
    this->subject.wait([&] { return done.has_value(); });
    EXPECT_TRUE(*done);
  }
  void save(std::vector<SessionPosition> positions) {
    this->store().save_positions(std::move(positions));
  }
  std::string load(const std::string& user, const std::string& session) {
    std::optional<std::string> value;
    this->store().load_position(user, session, [&](auto result) { value = result.value(); });
    this->subject.wait([&] { return value.has_value(); });
    return *value;
  }
};

TYPED_TEST_SUITE_P(SessionsContract);

TYPED_TEST_P(SessionsContract, KnowsNothingOfAStranger) {
  this->subject.open({});
  EXPECT_EQ(this->load("u", "s"), "");
  this->save({this->position("u", "s", "value")});
  EXPECT_EQ(this->load("u", "other"), "");
  EXPECT_EQ(this->load("other", "s"), "");
  EXPECT_EQ(this->load("u", "s"), "value");
}

TYPED_TEST_P(SessionsContract, GivesWhatWasSavedLast) {
  this->subject.open({});
  this->save({});
  this->save({this->position("u", "a", "1"), this->position("u", "b", "2"),
              this->position("v", "a", "3"), this->position("u", "a", "4")});
  EXPECT_EQ(this->load("u", "a"), "4");
  EXPECT_EQ(this->load("u", "b"), "2");
  EXPECT_EQ(this->load("v", "a"), "3");
  this->save({this->position("u", "b", "5")});
  this->save({this->position("u", "b", "6")});
  EXPECT_EQ(this->load("u", "a"), "4");
  EXPECT_EQ(this->load("u", "b"), "6");
}

// A connection that only seems to be open may say late what its client had answered.
TYPED_TEST_P(SessionsContract, OnlyTheConnectionThatTookOverLastMovesASession) {
  this->subject.open({});
  this->take_over({"u", "s", "one", "1"});
  this->take_over({"u", "t", "one", "2"});
  this->save({{"u", "s", "one", "3"}});
  EXPECT_EQ(this->load("u", "s"), "3");
  this->take_over({"u", "s", "two", "4"});
  EXPECT_EQ(this->load("u", "s"), "4");
  this->save({{"u", "s", "one", "5"}, {"u", "t", "one", "6"}});
  EXPECT_EQ(this->load("u", "s"), "4");
  EXPECT_EQ(this->load("u", "t"), "6") << "each session has its own holder";
  this->save({{"u", "s", "two", "7"}, {"u", "s", "one", "8"}});
  EXPECT_EQ(this->load("u", "s"), "7");
  this->take_over({"u", "s", "one", "9"});
  this->save({{"u", "s", "two", "10"}});
  EXPECT_EQ(this->load("u", "s"), "9");
}

TYPED_TEST_P(SessionsContract, MayBeTakenOverAgainByItsHolder) {
  this->subject.open({});
  this->take_over({"u", "s", "one", "1"});
  this->take_over({"u", "s", "one", "2"});
  EXPECT_EQ(this->load("u", "s"), "2");
  this->save({{"u", "s", "one", "3"}});
  EXPECT_EQ(this->load("u", "s"), "3");
}

TYPED_TEST_P(SessionsContract, TakingOverCountsAmongTheSessionsOfAUser) {
  this->subject.open({.sessions_max = 2});
  for (const char* session : {"a", "b", "c"}) this->take_over({"u", session, "one", "value"});
  this->take_over({"v", "a", "one", "value"});
  EXPECT_EQ(this->load("u", "a"), "") << "the oldest goes";
  EXPECT_EQ(this->load("u", "b"), "value");
  EXPECT_EQ(this->load("u", "c"), "value");
  EXPECT_EQ(this->load("v", "a"), "value");
}

TYPED_TEST_P(SessionsContract, ASessionThatIsNotKeptHasNoHolder) {
  this->subject.open({.sessions_max = 1});
  this->save({{"u", "s", "one", "1"}});
  EXPECT_EQ(this->load("u", "s"), "1") << "never seen";
  this->take_over({"u", "t", "two", "2"});
  this->save({{"u", "s", "three", "3"}});
  EXPECT_EQ(this->load("u", "s"), "3") << "the oldest had to go";
}

TYPED_TEST_P(SessionsContract, ASessionThatHasExpiredHasNoHolder) {
  this->subject.open({.ttl = TypeParam::ttl});
  this->take_over({"u", "s", "one", "1"});
  EXPECT_TRUE(this->subject.eventually_expired([&] { return this->load("u", "s").empty(); }));
  this->save({{"u", "s", "two", "2"}});
  EXPECT_EQ(this->load("u", "s"), "2");
}

TYPED_TEST_P(SessionsContract, KeepsAsManySessionsOfAUserAsItMay) {
  this->subject.open({.sessions_max = 3});
  this->save({this->position("u", "a", "1"), this->position("u", "b", "2"),
              this->position("v", "z", "3")});
  this->save({this->position("u", "c", "4")});
  EXPECT_EQ(this->load("u", "a"), "1");
  this->save({this->position("u", "a", "5")});
  this->save({this->position("u", "d", "6")});
  EXPECT_EQ(this->load("u", "b"), "") << "the oldest goes";
  EXPECT_EQ(this->load("u", "a"), "5") << "it was saved again";
  EXPECT_EQ(this->load("u", "c"), "4");
  EXPECT_EQ(this->load("u", "d"), "6");
  EXPECT_EQ(this->load("v", "z"), "3");
}

TYPED_TEST_P(SessionsContract, KeepsTheLatestOfMoreThanItMayInOneCall) {
  this->subject.open({.sessions_max = 2});
  std::vector<SessionPosition> positions;
  for (int i = 0; i < 200; ++i)
    positions.push_back(this->position("u", std::to_string(i), "value"));
  this->save(std::move(positions));
  EXPECT_EQ(this->load("u", "0"), "");
  EXPECT_EQ(this->load("u", "197"), "");
  EXPECT_EQ(this->load("u", "198"), "value");
  EXPECT_EQ(this->load("u", "199"), "value");
}

TYPED_TEST_P(SessionsContract, KeepsManyUsersOfOneCall) {
  this->subject.open({});
  std::vector<SessionPosition> positions;
  for (int i = 0; i < 200; ++i)
    positions.push_back(this->position(std::to_string(i), "s", std::to_string(i)));
  this->save(std::move(positions));
  for (const char* user : {"0", "63", "64", "65", "127", "128", "199"}) {
    EXPECT_EQ(this->load(user, "s"), user);
  }
}

TYPED_TEST_P(SessionsContract, ForgetsASessionAfterTheTtlThoughAnotherIsFresh) {
  this->subject.open({.ttl = TypeParam::ttl});
  this->save({this->position("u", "old", "value"), this->position("v", "old", "value")});
  EXPECT_TRUE(this->subject.eventually_expired([&] {
    this->save({this->position("u", "young", "value")});
    return this->load("u", "old").empty() && this->load("v", "old").empty();
  }));
  this->save({this->position("u", "young", "again")});
  EXPECT_EQ(this->load("u", "young"), "again");
}

TYPED_TEST_P(SessionsContract, TakesAnyNameAndValue) {
  this->subject.open({.sessions_max = 100});
  const std::vector<std::string> names = {
      "a:b", "{a}", "a b", "a\"b",  "a\\b", "*",       "prüfung", "日本", "%s%d",
      "'",   "1",   "a",   "b:a:b", "\n",   "\x01\t ", "}{",      "a}",   std::string(128, 'x')};
  std::vector<SessionPosition> positions;
  for (const auto& user : names) {
    for (const auto& session : names)
      positions.push_back(this->position(user, session, user + "|" + session));
  }
  this->save(std::move(positions));
  for (const auto& user : names) {
    for (const auto& session : names) EXPECT_EQ(this->load(user, session), user + "|" + session);
  }
  const std::string longest(session_value_bytes_max, '7');
  for (const std::string& value : {std::string(" "), std::string("7 8\n9"), longest}) {
    this->save({this->position("u", "s", value)});
    EXPECT_EQ(this->load("u", "s"), value);
  }
}

REGISTER_TYPED_TEST_SUITE_P(SessionsContract, KnowsNothingOfAStranger, GivesWhatWasSavedLast,
                            OnlyTheConnectionThatTookOverLastMovesASession,
                            MayBeTakenOverAgainByItsHolder, TakingOverCountsAmongTheSessionsOfAUser,
                            ASessionThatIsNotKeptHasNoHolder, ASessionThatHasExpiredHasNoHolder,
                            KeepsAsManySessionsOfAUserAsItMay,
                            KeepsTheLatestOfMoreThanItMayInOneCall, KeepsManyUsersOfOneCall,
                            ForgetsASessionAfterTheTtlThoughAnotherIsFresh, TakesAnyNameAndValue);

}  // namespace crier::history
