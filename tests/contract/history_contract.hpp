#pragma once

// What every store must do with events and claims.
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(Memory, HistoryContract, MemorySubject);

#include "tests/contract/history_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace crier::history {

TYPED_TEST_SUITE_P(HistoryContract);

TYPED_TEST_P(HistoryContract, KnowsNothingOfAProgramThatNeverHadAnEvent) {
  this->subject.open({});
  const ReadReply reply = this->read({{"p", 0, 0}});
  EXPECT_TRUE(is_epoch(reply.epoch));
  EXPECT_GT(reply.floor, 0U);
  ASSERT_EQ(reply.programs.size(), 1U);
  EXPECT_EQ(reply.programs[0].program, "p");
  EXPECT_EQ(reply.programs[0].top, 0U);
  EXPECT_TRUE(reply.programs[0].records.empty());
}

TYPED_TEST_P(HistoryContract, AnswersAReadOfNoProgram) {
  this->subject.open({});
  EXPECT_TRUE(this->read({}).programs.empty());
}

TYPED_TEST_P(HistoryContract, CountsEachProgramAndOrdersAllOfThem) {
  this->subject.open({});
  const ReadReply before = this->read({});
  std::vector<Appended> results;
  for (const char* program : {"a", "b", "a", "a", "b"}) results.push_back(this->append(program));

  std::vector<Seq> counted;
  Gid last = before.floor;
  for (const Appended& result : results) {
    EXPECT_EQ(result.position.epoch, before.epoch);
    EXPECT_GT(result.position.gid, last);
    EXPECT_FALSE(result.repeated);
    last = result.position.gid;
    counted.push_back(result.position.seq);
  }
  EXPECT_THAT(counted, testing::ElementsAre(1, 1, 2, 3, 2));
  EXPECT_EQ(results[0].prev, 0U);
  EXPECT_EQ(results[1].prev, 0U);
  EXPECT_EQ(results[2].prev, results[0].position.gid);
  EXPECT_EQ(results[3].prev, results[2].position.gid);
  EXPECT_EQ(results[4].prev, results[1].position.gid);
}

TYPED_TEST_P(HistoryContract, ReadsBackWhatItReported) {
  this->subject.open({});
  const Appended first = this->append("p", R"({"n":1})");
  const Appended second = this->append("p", R"({"n":"}\u0000{"})");
  const Kept kept = this->kept("p");
  EXPECT_THAT(bodies(kept), testing::ElementsAre(R"({"n":1})", R"({"n":"}\u0000{"})"));
  ASSERT_EQ(kept.records.size(), 2U);
  EXPECT_EQ(kept.records[0].gid, first.position.gid);
  EXPECT_EQ(kept.records[0].seq, 1U);
  EXPECT_EQ(kept.records[0].prev, 0U);
  EXPECT_EQ(kept.records[1].gid, second.position.gid);
  expect_chain(kept);
}

TYPED_TEST_P(HistoryContract, LeavesOutTheCursorAndWhatCameBefore) {
  this->subject.open({});
  std::vector<Gid> gids;
  for (int i = 0; i < 4; ++i) gids.push_back(this->append("p").position.gid);
  EXPECT_THAT(seqs(this->kept("p", gids[0] - 1)), testing::ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(seqs(this->kept("p", gids[0])), testing::ElementsAre(2, 3, 4));
  EXPECT_THAT(seqs(this->kept("p", gids[2])), testing::ElementsAre(4));
  const Kept none = this->kept("p", gids[3]);
  EXPECT_TRUE(none.records.empty());
  EXPECT_EQ(none.top, gids[3]);
  EXPECT_TRUE(this->kept("p", gids[3] + 1'000'000'000).records.empty());
}

TYPED_TEST_P(HistoryContract, GivesTheNewestWhenThereAreTooMany) {
  this->subject.open({});
  std::vector<Gid> gids;
  for (int i = 0; i < 5; ++i) gids.push_back(this->append("p").position.gid);
  EXPECT_THAT(seqs(this->kept("p", 0, 2)), testing::ElementsAre(4, 5));
  EXPECT_THAT(seqs(this->kept("p", gids[2], 2)), testing::ElementsAre(4, 5));
  EXPECT_THAT(seqs(this->kept("p", gids[3], 2)), testing::ElementsAre(5));
  EXPECT_THAT(seqs(this->kept("p", 0, 5)), testing::ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(seqs(this->kept("p", 0, 6)), testing::ElementsAre(1, 2, 3, 4, 5));
}

TYPED_TEST_P(HistoryContract, KeepsIdenticalBodiesApart) {
  this->subject.open({});
  for (int i = 0; i < 3; ++i) this->append("p", R"({"same":true})");
  EXPECT_EQ(bodies(this->kept("p")), std::vector<std::string>(3, R"({"same":true})"));
}

TYPED_TEST_P(HistoryContract, DropsTheOldestOverTheCount) {
  this->subject.open({.events_max = 3});
  for (int i = 0; i < 5; ++i) this->append("p");
  this->append("q");
  const Kept kept = this->kept("p");
  EXPECT_THAT(seqs(kept), testing::ElementsAre(3, 4, 5));
  expect_chain(kept);
  EXPECT_GT(kept.records[0].prev, 0U) << "the reader can tell that something is missing";
}

TYPED_TEST_P(HistoryContract, DropsTheOldestOverTheBytes) {
  this->subject.open({.bytes_max = 30});
  const std::string ten = R"({"n":1234})";
  for (int i = 0; i < 4; ++i) this->append("p", ten);
  EXPECT_THAT(seqs(this->kept("p")), testing::ElementsAre(2, 3, 4));
  this->append("p", R"({"n":12345})");
  EXPECT_THAT(seqs(this->kept("p")), testing::ElementsAre(4, 5));
  for (int i = 0; i < 20; ++i) this->append("p", ten);
  EXPECT_THAT(seqs(this->kept("p")), testing::ElementsAre(23, 24, 25)) << "the count stays true";
}

TYPED_TEST_P(HistoryContract, NumbersAnEventThatIsTooBigToKeep) {
  this->subject.open({.bytes_max = 9});
  this->append("p", R"({"n":1})");
  const Appended big = this->append("p", R"({"n":1234})");
  const Kept kept = this->kept("p");
  EXPECT_TRUE(kept.records.empty());
  EXPECT_EQ(kept.top, big.position.gid);
  EXPECT_EQ(this->append("p", "{}").prev, big.position.gid);
  EXPECT_THAT(seqs(this->kept("p")), testing::ElementsAre(3));
}

TYPED_TEST_P(HistoryContract, ForgetsEventsByAgeButNotTheirNumbers) {
  this->subject.open({.ttl = TypeParam::ttl});
  this->append("p", R"({"n":1})");
  const Appended second = this->append("p", R"({"n":2})");
  EXPECT_TRUE(this->subject.eventually_expired([&] { return this->kept("p").records.empty(); }));
  EXPECT_EQ(this->kept("p").top, second.position.gid);
  const Appended third = this->append("p", R"({"n":3})");
  EXPECT_EQ(third.position.seq, 3U);
  EXPECT_EQ(third.prev, second.position.gid);
}

TYPED_TEST_P(HistoryContract, AnswersAKnownTokenWithItsFirstResult) {
  this->subject.open({});
  const Appended first = this->append("p", R"({"n":1})", "token");
  this->append("p", R"({"n":2})");
  const Appended again = this->append("p", R"({"n":1})", "token");
  EXPECT_EQ(again.position, first.position);
  EXPECT_EQ(again.prev, first.prev);
  EXPECT_TRUE(again.repeated);
  EXPECT_THAT(bodies(this->kept("p")), testing::ElementsAre(R"({"n":1})", R"({"n":2})"));
}

TYPED_TEST_P(HistoryContract, NumbersAStormOfOneTokenOnce) {
  this->subject.open({});
  std::vector<Appended> results;
  std::size_t taken = 0;
  for (int i = 0; i < 100; ++i) {
    this->subject.log().append(
        this->request("p", i % 10 == 9 ? R"({"n":2})" : R"({"n":1})", "token"),
        [&](const Result<Appended, StoreError>& outcome) {
          if (outcome) results.push_back(*outcome);
          if (!outcome) taken += outcome.error() == StoreError::token_taken ? 1 : 0;
        });
  }
  this->subject.wait([&] { return results.size() + taken == 100; });
  EXPECT_EQ(taken, 10U);
  for (const Appended& result : results) EXPECT_EQ(result.position, results[0].position);
  EXPECT_EQ(std::count_if(results.begin(), results.end(),
                          [](const Appended& result) { return !result.repeated; }),
            1);
  EXPECT_THAT(bodies(this->kept("p")), testing::ElementsAre(R"({"n":1})"));
}

TYPED_TEST_P(HistoryContract, RefusesAKnownTokenWithAnotherBody) {
  this->subject.open({});
  const Appended first = this->append("p", R"({"n":1})", "token");
  for (const char* other : {R"({"n":2})", R"({"n":10})", "{}"}) {
    EXPECT_EQ(this->try_append("p", other, "token").error(), StoreError::token_taken) << other;
  }
  EXPECT_EQ(this->append("p", R"({"n":1})", "token").position, first.position);
  EXPECT_THAT(bodies(this->kept("p")), testing::ElementsAre(R"({"n":1})"));
  EXPECT_EQ(this->append("p", R"({"n":2})", "other").position.seq, 2U) << "no number was spent";
}

TYPED_TEST_P(HistoryContract, TakesATokenForItsProgramOnly) {
  this->subject.open({});
  EXPECT_FALSE(this->append("a", "{}", "b:t").repeated);
  EXPECT_FALSE(this->append("a:b", "{}", "t").repeated);
  EXPECT_FALSE(this->append("b", "{}", "b:t").repeated);
  EXPECT_FALSE(this->append("a", "{}", "").repeated);
  EXPECT_FALSE(this->append("a", "{}", "").repeated) << "no token is not a token";
}

TYPED_TEST_P(HistoryContract, ForgetsATokenWithItsEvent) {
  this->subject.open({.ttl = TypeParam::ttl});
  this->append("p", "{}", "token");
  std::optional<Appended> later;
  EXPECT_TRUE(this->subject.eventually_expired([&] {
    later = this->append("p", "{}", "token");
    return !later->repeated;
  }));
  EXPECT_EQ(later->position.seq, 2U);
}

TYPED_TEST_P(HistoryContract, KeepsTheOrderOfABurst) {
  this->subject.open({});
  constexpr int count = 1000;
  std::vector<EventNumbers> reported;
  for (int i = 0; i < count; ++i) {
    this->subject.log().append(this->request(i % 3 == 0 ? "a" : "b", "{}"),
                               [&](auto result) { reported.push_back(result.value().position); });
  }
  this->subject.wait([&] { return reported.size() == count; });
  for (int i = 1; i < count; ++i) EXPECT_GT(reported[i].gid, reported[i - 1].gid);
  expect_chain(this->kept("a"));
  expect_chain(this->kept("b"));
  EXPECT_EQ(this->kept("a").records.size() + this->kept("b").records.size(), 1000U);
}

TYPED_TEST_P(HistoryContract, ReadsAClockThatNoNumberIsAheadOf) {
  this->subject.open({});
  const Gid before = this->read({}).clock;
  EXPECT_GT(before, 0U);
  Gid last = 0;
  for (int i = 0; i < 50; ++i) {
    last = this->append("p").position.gid;
    const ReadReply reply = this->read({});
    EXPECT_GE(reply.clock, last);
    EXPECT_EQ(reply.last, last);
  }
  EXPECT_GE(last, before);
}

TYPED_TEST_P(HistoryContract, AnswersSeveralProgramsInTheOrderAsked) {
  this->subject.open({});
  this->append("a", R"({"n":1})");
  const Gid after = this->append("b", R"({"n":2})").position.gid;
  this->append("a", R"({"n":3})");
  this->append("b", R"({"n":4})");
  const ReadReply reply = this->read({{"b", after, 0}, {"none", 0, 0}, {"a", 0, 1}, {"b", 0, 0}});
  ASSERT_EQ(reply.programs.size(), 4U);
  EXPECT_EQ(reply.programs[0].program, "b");
  EXPECT_THAT(bodies(reply.programs[0]), testing::ElementsAre(R"({"n":4})"));
  EXPECT_EQ(reply.programs[1].program, "none");
  EXPECT_THAT(bodies(reply.programs[1]), testing::IsEmpty());
  EXPECT_THAT(bodies(reply.programs[2]), testing::ElementsAre(R"({"n":3})"));
  EXPECT_THAT(bodies(reply.programs[3]), testing::ElementsAre(R"({"n":2})", R"({"n":4})"));
}

TYPED_TEST_P(HistoryContract, TakesAnyNameApart) {
  this->subject.open({});
  const std::vector<std::string> names = {"a:b",  "{a}", "a b",     "a\"b",
                                          "a\\b", "*",   "prüfung", "日本",
                                          "%s%d", "'",   "1",       std::string(128, 'x')};
  for (const std::string& name : names) this->append(name, R"({"n":1})");
  for (const std::string& name : names) {
    EXPECT_THAT(seqs(this->kept(name)), testing::ElementsAre(1)) << name;
  }
}

TYPED_TEST_P(HistoryContract, ReadsWhatWasAppendedBefore) {
  this->subject.open({});
  std::vector<Gid> reported;
  std::optional<ReadReply> reply;
  for (int i = 0; i < 50; ++i) {
    this->subject.log().append(this->request("p", "{}"), [&](auto result) {
      reported.push_back(result.value().position.gid);
    });
  }
  this->store().read({{"p", 0, 0}}, [&](auto result) { reply = std::move(result).value(); });
  this->subject.wait([&] { return reply.has_value(); });
  ASSERT_EQ(reported.size(), 50U) << "a read does not overtake appends";
  ASSERT_EQ(reply->programs[0].records.size(), 50U);
  for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(reply->programs[0].records[i].gid, reported[i]);
}

TYPED_TEST_P(HistoryContract, MayBeCalledFromAnAnswer) {
  this->subject.open({});
  std::optional<ReadReply> reply;
  this->subject.log().append(this->request("p", "{}"), [&](auto) {
    this->subject.log().append(this->request("p", "{}"), [&](auto) {
      this->store().read({{"p", 0, 0}}, [&](auto result) { reply = std::move(result).value(); });
    });
  });
  this->subject.wait([&] { return reply.has_value(); });
  EXPECT_THAT(seqs(reply->programs.at(0)), testing::ElementsAre(1, 2));
}

TYPED_TEST_P(HistoryContract, HearsEachEventOnceInTheOrderOfAllPrograms) {
  this->open_listening({"a", "b"});
  std::vector<Published> expected;
  for (const char* program : {"a", "b", "b", "other", "a", "b", "other", "a"}) {
    const std::string body = "{\"n\":" + std::to_string(expected.size()) + "}";
    const Appended appended = this->append(program, body);
    if (std::string(program) == "other") continue;
    const auto& [epoch, gid, seq] = appended.position;
    expected.push_back({epoch, program, {gid, seq, appended.prev, Bytes(body)}});
  }
  EXPECT_TRUE(this->probe());
  ASSERT_EQ(this->heard.events.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Published& event = this->heard.events[i];
    EXPECT_EQ(event.epoch, expected[i].epoch);
    EXPECT_EQ(event.program, expected[i].program);
    EXPECT_EQ(event.record.gid, expected[i].record.gid);
    EXPECT_EQ(event.record.seq, expected[i].record.seq);
    EXPECT_EQ(event.record.prev, expected[i].record.prev);
    EXPECT_EQ(event.record.body, expected[i].record.body);
  }
  EXPECT_THAT(this->heard.words, testing::ElementsAre("claims", "subscribed a", "subscribed b"));
}

TYPED_TEST_P(HistoryContract, KeepsTheOrderOfABurstThatIsHeard) {
  this->open_listening({"a", "b"});
  std::vector<Gid> gids;
  for (int i = 0; i < 1000; ++i) {
    this->subject.log().append(this->request(i % 3 == 0 ? "a" : "b", "{}"),
                               [&](auto result) { gids.push_back(result.value().position.gid); });
  }
  this->subject.wait([&] { return gids.size() == 1000; });
  EXPECT_TRUE(this->probe());
  ASSERT_EQ(this->heard.events.size(), gids.size());
  for (std::size_t i = 0; i < gids.size(); ++i) {
    EXPECT_EQ(this->heard.events[i].record.gid, gids[i]);
  }
}

TYPED_TEST_P(HistoryContract, HearsNothingBeforeSubscribingNorAfterUnsubscribing) {
  this->open_listening();
  this->append("p");
  this->subscribe("p");
  this->append("p");
  EXPECT_TRUE(this->probe());
  this->store().unsubscribe("p");
  this->append("p");
  EXPECT_TRUE(this->probe());
  EXPECT_THAT(this->heard.seqs(), testing::ElementsAre("p2"));
  this->subscribe("p");
  this->append("p");
  EXPECT_TRUE(this->probe());
  EXPECT_THAT(this->heard.seqs(), testing::ElementsAre("p2", "p4"));
}

TYPED_TEST_P(HistoryContract, MayChangeItsMindAboutASubscription) {
  this->open_listening();
  for (int i = 0; i < 5; ++i) {
    this->store().subscribe("p");
    this->store().unsubscribe("p");
  }
  this->append("p");
  EXPECT_TRUE(this->probe());
  EXPECT_TRUE(this->heard.events.empty());
  this->subscribe("p");
  this->store().unsubscribe("p");
  this->subscribe("p");
  this->append("p");
  EXPECT_TRUE(this->probe());
  EXPECT_THAT(this->heard.seqs(), testing::ElementsAre("p2"));
  this->store().unsubscribe("unknown");
}

TYPED_TEST_P(HistoryContract, ListensAnewWhenItIsTold) {
  this->open_listening({"p", "gone"});
  this->store().unsubscribe("gone");
  this->append("p");
  EXPECT_TRUE(this->probe());
  this->store().listen_again();
  this->subject.wait([&] { return this->heard.count("subscribed p") == 2; });
  this->append("p");
  EXPECT_TRUE(this->probe());
  EXPECT_TRUE(this->store().hears());
  EXPECT_THAT(this->heard.words, testing::ElementsAre("claims", "subscribed p", "subscribed gone",
                                                      "lost", "claims", "subscribed p"));
  EXPECT_THAT(this->heard.seqs(), testing::ElementsAre("p1", "p2"));
}

TYPED_TEST_P(HistoryContract, HearsNothingOfWhatWasNotAppended) {
  this->open_listening({"p"});
  this->append("p", R"({"n":1})", "token");
  this->append("p", R"({"n":1})", "token");
  EXPECT_FALSE(this->try_append("p", R"({"n":2})", "token"));
  EXPECT_TRUE(this->probe());
  EXPECT_THAT(this->heard.seqs(), testing::ElementsAre("p1"));
}

TYPED_TEST_P(HistoryContract, HearsOfAnyName) {
  const std::vector<std::string> names = {"a:b",  "{a}", "a b",  "a\"b",
                                          "a\\b", "*",   "日本", "claims"};
  this->open_listening(names);
  for (const std::string& name : names) this->append(name);
  EXPECT_TRUE(this->probe());
  ASSERT_EQ(this->heard.events.size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(this->heard.events[i].program, names[i]);
}

TYPED_TEST_P(HistoryContract, MayBeCalledFromItsListener) {
  this->open_listening({"p"});
  std::vector<Seq> answered;
  const auto append = [&] {
    this->subject.log().append(this->request("p", "{}"), [&](auto result) {
      answered.push_back(result.value().position.seq);
    });
  };
  this->heard.then = [&] {
    if (this->heard.events.size() < 3) return append();
    if (this->heard.events.size() == 3) this->store().unsubscribe("p");
  };
  append();
  this->subject.wait([&] { return answered.size() == 3; });
  append();
  this->subject.wait([&] { return answered.size() == 4; });
  EXPECT_TRUE(this->probe());
  EXPECT_THAT(answered, testing::ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(this->heard.seqs(), testing::ElementsAre("p1", "p2", "p3"));
}

TYPED_TEST_P(HistoryContract, MayBeDestroyedByItsListener) {
  int told = 0;
  const auto closes = [&] {
    this->heard.then = {};
    this->subject.close();
    ++told;
  };
  this->subject.open({});
  this->heard.then = closes;
  this->store().listen(this->heard);
  this->subject.wait([&] { return told == 1; });

  this->heard.words.clear();
  this->open_listening();
  this->heard.then = closes;
  this->store().subscribe("p");
  this->subject.wait([&] { return told == 2; });

  this->heard.words.clear();
  this->open_listening({"p"});
  this->heard.then = closes;
  this->subject.log().append(this->request("p", "{}"), [](auto) {});
  this->subject.wait([&] { return told == 3; });

  this->heard.words.clear();
  this->open_listening();
  this->heard.then = closes;
  this->store().claim("sid", [](auto) {});
  this->subject.wait([&] { return told == 4; });

  this->heard.words.clear();
  this->open_listening();
  this->store().probe([&](bool) { closes(); });
  this->subject.wait([&] { return told == 5; });
}

TYPED_TEST_P(HistoryContract, FencesEachClaimAboveAllBefore) {
  this->open_listening();
  const Fence first = this->claim("a");
  const Fence other = this->claim("b");
  const Fence second = this->claim("a");
  EXPECT_GT(first, 0U);
  EXPECT_GT(second, first);
  EXPECT_THAT(this->fences({"b", "none", "a", "b"}),
              testing::ElementsAre(other, 0U, second, other));
  EXPECT_TRUE(this->probe());
  EXPECT_THAT(this->heard.claims,
              testing::ElementsAre(testing::Pair("a", first), testing::Pair("b", other),
                                   testing::Pair("a", second)));
}

TYPED_TEST_P(HistoryContract, FencesABurstOfClaimsInTheirOrder) {
  this->open_listening();
  std::vector<Fence> fences;
  for (int i = 0; i < 200; ++i) {
    this->store().claim("sid", [&](auto result) { fences.push_back(result.value()); });
  }
  this->subject.wait([&] { return fences.size() == 200; });
  for (std::size_t i = 1; i < fences.size(); ++i) EXPECT_GT(fences[i], fences[i - 1]);
}

TYPED_TEST_P(HistoryContract, KnowsNoFenceOfAnEmptyList) {
  this->open_listening();
  EXPECT_TRUE(this->fences({}).empty());
}

REGISTER_TYPED_TEST_SUITE_P(
    HistoryContract, KnowsNothingOfAProgramThatNeverHadAnEvent, AnswersAReadOfNoProgram,
    CountsEachProgramAndOrdersAllOfThem, ReadsBackWhatItReported,
    LeavesOutTheCursorAndWhatCameBefore, GivesTheNewestWhenThereAreTooMany,
    KeepsIdenticalBodiesApart, DropsTheOldestOverTheCount, DropsTheOldestOverTheBytes,
    NumbersAnEventThatIsTooBigToKeep, ForgetsEventsByAgeButNotTheirNumbers,
    AnswersAKnownTokenWithItsFirstResult, NumbersAStormOfOneTokenOnce,
    RefusesAKnownTokenWithAnotherBody, TakesATokenForItsProgramOnly, ForgetsATokenWithItsEvent,
    KeepsTheOrderOfABurst, ReadsAClockThatNoNumberIsAheadOf, AnswersSeveralProgramsInTheOrderAsked,
    TakesAnyNameApart, ReadsWhatWasAppendedBefore, MayBeCalledFromAnAnswer,
    HearsEachEventOnceInTheOrderOfAllPrograms, KeepsTheOrderOfABurstThatIsHeard,
    HearsNothingBeforeSubscribingNorAfterUnsubscribing, MayChangeItsMindAboutASubscription,
    ListensAnewWhenItIsTold, HearsNothingOfWhatWasNotAppended, HearsOfAnyName,
    MayBeCalledFromItsListener, MayBeDestroyedByItsListener, FencesEachClaimAboveAllBefore,
    FencesABurstOfClaimsInTheirOrder, KnowsNoFenceOfAnEmptyList);

}  // namespace crier::history
