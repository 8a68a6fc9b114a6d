#pragma once

// What every HistoryStore must do with the positions of sessions.
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
  this->save({{"u", "s", "value"}});
  EXPECT_EQ(this->load("u", "other"), "");
  EXPECT_EQ(this->load("other", "s"), "");
  EXPECT_EQ(this->load("u", "s"), "value");
}

TYPED_TEST_P(SessionsContract, GivesWhatWasSavedLast) {
  this->subject.open({});
  this->save({});
  this->save({{"u", "a", "1"}, {"u", "b", "2"}, {"v", "a", "3"}, {"u", "a", "4"}});
  EXPECT_EQ(this->load("u", "a"), "4");
  EXPECT_EQ(this->load("u", "b"), "2");
  EXPECT_EQ(this->load("v", "a"), "3");
  this->save({{"u", "b", "5"}});
  this->save({{"u", "b", "6"}});
  EXPECT_EQ(this->load("u", "a"), "4");
  EXPECT_EQ(this->load("u", "b"), "6");
}

TYPED_TEST_P(SessionsContract, KeepsAsManySessionsOfAUserAsItMay) {
  this->subject.open({.sessions_max = 3});
  this->save({{"u", "a", "1"}, {"u", "b", "2"}, {"v", "z", "3"}});
  this->save({{"u", "c", "4"}});
  EXPECT_EQ(this->load("u", "a"), "1");
  this->save({{"u", "a", "5"}});
  this->save({{"u", "d", "6"}});
  EXPECT_EQ(this->load("u", "b"), "") << "the oldest goes";
  EXPECT_EQ(this->load("u", "a"), "5") << "it was saved again";
  EXPECT_EQ(this->load("u", "c"), "4");
  EXPECT_EQ(this->load("u", "d"), "6");
  EXPECT_EQ(this->load("v", "z"), "3");
}

TYPED_TEST_P(SessionsContract, KeepsTheLatestOfMoreThanItMayInOneCall) {
  this->subject.open({.sessions_max = 2});
  std::vector<SessionPosition> positions;
  for (int i = 0; i < 200; ++i) positions.push_back({"u", std::to_string(i), "value"});
  this->save(std::move(positions));
  EXPECT_EQ(this->load("u", "0"), "");
  EXPECT_EQ(this->load("u", "197"), "");
  EXPECT_EQ(this->load("u", "198"), "value");
  EXPECT_EQ(this->load("u", "199"), "value");
}

TYPED_TEST_P(SessionsContract, KeepsManyUsersOfOneCall) {
  this->subject.open({});
  std::vector<SessionPosition> positions;
  for (int i = 0; i < 200; ++i) positions.push_back({std::to_string(i), "s", std::to_string(i)});
  this->save(std::move(positions));
  for (const char* user : {"0", "63", "64", "65", "127", "128", "199"}) {
    EXPECT_EQ(this->load(user, "s"), user);
  }
}

TYPED_TEST_P(SessionsContract, ForgetsASessionAfterTheTtlThoughAnotherIsFresh) {
  this->subject.open({.ttl = TypeParam::ttl});
  this->save({{"u", "old", "value"}, {"v", "old", "value"}});
  EXPECT_TRUE(this->subject.eventually_expired([&] {
    this->save({{"u", "young", "value"}});
    return this->load("u", "old").empty() && this->load("v", "old").empty();
  }));
  this->save({{"u", "young", "again"}});
  EXPECT_EQ(this->load("u", "young"), "again");
}

TYPED_TEST_P(SessionsContract, TakesAnyNameAndValue) {
  this->subject.open({.sessions_max = 100});
  const std::vector<std::string> names = {
      "a:b", "{a}", "a b", "a\"b",  "a\\b", "*",       "prüfung", "日本", "%s%d",
      "'",   "1",   "a",   "b:a:b", "\n",   "\x01\t ", "}{",      "a}",   std::string(128, 'x')};
  std::vector<SessionPosition> positions;
  for (const auto& user : names) {
    for (const auto& session : names) positions.push_back({user, session, user + "|" + session});
  }
  this->save(std::move(positions));
  for (const auto& user : names) {
    for (const auto& session : names) EXPECT_EQ(this->load(user, session), user + "|" + session);
  }
  const std::string longest(session_value_bytes_max, '7');
  for (const std::string& value : {std::string(" "), std::string("7 8\n9"), longest}) {
    this->save({{"u", "s", value}});
    EXPECT_EQ(this->load("u", "s"), value);
  }
}

REGISTER_TYPED_TEST_SUITE_P(SessionsContract, KnowsNothingOfAStranger, GivesWhatWasSavedLast,
                            KeepsAsManySessionsOfAUserAsItMay,
                            KeepsTheLatestOfMoreThanItMayInOneCall, KeepsManyUsersOfOneCall,
                            ForgetsASessionAfterTheTtlThoughAnotherIsFresh, TakesAnyNameAndValue);

}  // namespace crier::history
