#include "gateway/feed.hpp"

#include "history/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

namespace crier::gateway {
namespace {

using history::Gid;
using history::Kept;
using history::ReadReply;
using history::Record;
using history::StoreError;
using testing::ElementsAre;
using testing::IsEmpty;

/// A feed whose commands are words: `subscribe p`, `read p>0 q>5` (`p` alone: the top), `deliver p
/// 7`, `close p gap`, `answer 1 p:9[7,9]`, `probe`.
class FeedTest : public testing::Test {
 protected:
  static std::string words(const FeedCommand& command) {
    if (const auto* subscribe = std::get_if<Subscribe>(&command)) {
      return "subscribe " + subscribe->program;
    }
    if (const auto* unsubscribe = std::get_if<Unsubscribe>(&command)) {
      return "unsubscribe " + unsubscribe->program;
    }
    if (const auto* event = std::get_if<Deliver>(&command)) {
      return "deliver " + event->program + " " + std::to_string(event->record.gid);
    }
    if (const auto* close = std::get_if<CloseMembers>(&command)) {
      return "close " + close->program + " " + std::string(close->reason);
    }
    if (const auto* read = std::get_if<ReadStore>(&command)) return words(*read);
    if (const auto* answered = std::get_if<Answered>(&command)) return words(*answered);
    if (const auto* gap = std::get_if<MarkGap>(&command)) return "mark " + gap->program;
    return std::holds_alternative<ListenAgain>(command) ? "listen again" : "probe";
  }
  static std::string words(const ReadStore& read) {
    std::string text = "read";
    for (const auto& one : read.reads) {
      text += " " + one.program;
      if (one.after != after_everything) text += ">" + std::to_string(one.after);
    }
    return text;
  }
  static std::string words(const Answered& answered) {
    std::string text = "answer " + std::to_string(answered.question);
    if (!answered.reply) return text + " failed";
    for (const auto& kept : answered.reply->programs) {
      text += " " + kept.program + ":" + std::to_string(kept.top) + "[";
      for (const auto& record : kept.records) text += std::to_string(record.gid) + " ";
      if (text.back() == ' ') text.pop_back();
      text += "]";
    }
    return text;
  }

  /// Probes are answered on the way, unless the test does it.
  std::vector<std::string> commands() {
    std::vector<std::string> all;
    while (feed.has_command()) {
      const FeedCommand command = feed.next_command();
      if (answers_probes && std::holds_alternative<ProbeStore>(command)) {
        feed.probed(true);
      } else {
        all.push_back(words(command));
      }
    }
    return all;
  }

  static Record record(Gid gid, Gid prev, std::string body = "{}") {
    return {gid, 1, prev, Bytes(std::move(body))};
  }
  void hear(const std::string& program, Gid gid, Gid prev, const std::string& epoch = "e1") {
    feed.published({epoch, program, record(gid, prev)}, now);
  }
  /// A program's records at these gids, chained from `before`.
  static Kept kept(std::string program, const std::vector<Gid>& gids, Gid before = 0) {
    Kept kept{std::move(program), before, {}};
    for (const Gid gid : gids) {
      kept.records.push_back(record(gid, kept.top));
      kept.top = gid;
    }
    return kept;
  }
  static Kept top(std::string program, Gid gid) { return {std::move(program), gid, {}}; }
  void read(std::vector<Kept> programs, const std::string& epoch = "e1", Gid floor = 0) {
    feed.store_read(ReadReply{epoch, floor, std::move(programs)}, now);
  }
  void ask(std::uint64_t question, std::vector<std::pair<std::string, Gid>> reads,
           const std::string& epoch = "", Gid cursor = 0) {
    Question what;
    for (auto& [program, after] : reads) what.reads.push_back({program, after, 0});
    what.epoch = epoch;
    what.cursor = cursor;
    feed.ask(question, std::move(what), now);
  }
  /// A member of each program, whose top is as given.
  void live(const std::vector<std::pair<std::string, Gid>>& programs) {
    std::vector<Kept> tops;
    std::vector<std::pair<std::string, Gid>> reads;
    for (const auto& [program, gid] : programs) {
      reads.emplace_back(program, after_everything);
      tops.push_back(top(program, gid));
    }
    ask(99, reads);
    for (std::size_t i = 0; i < programs.size(); ++i) {
      feed.subscribed(programs[i].first);
      commands();
      read({tops[i]});
      commands();
    }
    for (const auto& [program, gid] : programs) members.insert(program);
  }

  std::set<std::string> members;
  bool answers_probes = true;
  TimePoint now{};
  FeedOptions options{{4, 100, std::chrono::seconds(60)}, std::chrono::seconds(5)};
  Feed feed{options, [this](const std::string& program) { return members.contains(program); }, now};
};

TEST_F(FeedTest, ReadsOnlyOnceTheSubscriptionIsConfirmed) {
  ask(1, {{"p", 5}});
  EXPECT_THAT(commands(), ElementsAre("subscribe p"));
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
  read({kept("p", {4, 6, 8})});
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[6 8]"));
}

TEST_F(FeedTest, WhoHasNoCursorCostsNoEvents) {
  ask(1, {{"p", after_everything}});
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("subscribe p", "read p"));
  read({top("p", 8)});
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[]"));
}

TEST_F(FeedTest, AStormCostsOneReadAProgram) {
  for (std::uint64_t client = 1; client <= 100; ++client) ask(client, {{"p", client}});
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("subscribe p", "read p>0"));
  for (std::uint64_t client = 101; client <= 200; ++client) ask(client, {{"p", client}});
  EXPECT_THAT(commands(), IsEmpty());
  read({kept("p", {500})});
  EXPECT_EQ(commands().size(), 200U);
}

TEST_F(FeedTest, AnswersFromTheRingWithoutARead) {
  live({{"p", 8}});
  hear("p", 10, 8);
  hear("p", 12, 10);
  EXPECT_THAT(commands(), ElementsAre("deliver p 10", "deliver p 12"));
  ask(1, {{"p", 10}}, "e1", 10);
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:12[12]"));
}

TEST_F(FeedTest, ACursorBelowTheRingReadsAllThatIsKept) {
  live({{"p", 8}});
  hear("p", 10, 8);
  commands();
  ask(1, {{"p", 3}}, "e1", 3);
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
  hear("p", 12, 10);
  read({kept("p", {2, 4, 8, 10})});
  EXPECT_THAT(commands(), ElementsAre("deliver p 12", "answer 1 p:12[4 8 10 12]"));
}

TEST_F(FeedTest, WhatTheStoreDoesNotKeepStaysBelowTheRing) {
  live({{"p", 8}});
  ask(1, {{"p", 3}}, "e1", 3);
  commands();
  read({kept("p", {8}, 6)});
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:8[8]"));
  ask(2, {{"p", 6}}, "e1", 6);
  EXPECT_THAT(commands(), ElementsAre("answer 2 p:8[8]"));
}

TEST_F(FeedTest, EventsHeardDuringTheReadFollowIt) {
  ask(1, {{"p", 5}});
  feed.subscribed("p");
  commands();
  hear("p", 10, 8);
  hear("p", 12, 10);
  read({kept("p", {6, 8, 10})});
  EXPECT_THAT(commands(), ElementsAre("deliver p 12", "answer 1 p:12[6 8 10 12]"));
}

TEST_F(FeedTest, AHoleStopsEveryProgramUntilAllAreRead) {
  live({{"p", 8}, {"q", 7}});
  hear("p", 12, 10);
  hear("q", 13, 7);
  EXPECT_THAT(commands(), ElementsAre("read p>8 q>7"));
  read({kept("p", {10, 12}, 8), kept("q", {}, 7)});
  EXPECT_THAT(commands(), ElementsAre("deliver p 10", "deliver p 12", "deliver q 13"));
  EXPECT_FALSE(feed.stopped());
}

TEST_F(FeedTest, MergesTheProgramsThatItReadsAgain) {
  live({{"p", 8}, {"q", 7}});
  feed.lost();
  feed.subscribed("p");
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  hear("q", 20, 13);
  read({kept("p", {10, 12, 14}, 8)});
  EXPECT_THAT(commands(), ElementsAre("read q>7"));
  read({kept("q", {11, 13}, 7)});
  EXPECT_THAT(commands(), ElementsAre("deliver p 10", "deliver q 11", "deliver p 12",
                                      "deliver q 13", "deliver p 14", "deliver q 20"));
}

TEST_F(FeedTest, ARestThatIsNotKeptClosesTheProgramOnly) {
  live({{"p", 8}, {"q", 7}});
  feed.lost();
  feed.subscribed("p");
  commands();
  read({kept("p", {12}, 10)});
  EXPECT_THAT(commands(), ElementsAre("close p gap"));
  feed.subscribed("q");
  commands();
  read({kept("q", {9}, 7)});
  EXPECT_THAT(commands(), ElementsAre("deliver q 9"));
  hear("p", 14, 12);
  EXPECT_THAT(commands(), ElementsAre("deliver p 14"));
}

TEST_F(FeedTest, NothingIsAnsweredWhileThereIsAHole) {
  live({{"p", 8}});
  feed.lost();
  ask(1, {{"p", 8}}, "e1", 8);
  EXPECT_THAT(commands(), IsEmpty());
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  read({kept("p", {10}, 8)});
  EXPECT_THAT(commands(), ElementsAre("deliver p 10", "answer 1 p:10[10]"));
}

TEST_F(FeedTest, AReadThatBeganBeforeTheHoleDoesNotCount) {
  live({{"p", 8}});
  ask(1, {{"q", 5}});
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("subscribe q", "read q>0"));
  feed.lost();
  read({kept("q", {6})});
  EXPECT_THAT(commands(), IsEmpty());
  feed.subscribed("p");
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  read({top("p", 8)});
  EXPECT_THAT(commands(), ElementsAre("read q>0"));
  read({kept("q", {6, 7})});
  EXPECT_THAT(commands(), ElementsAre("answer 1 q:7[6 7]"));
}

TEST_F(FeedTest, ARingOfAProgramWithoutMembersDoesNotOutliveTheSubscription) {
  live({{"p", 8}});
  members.clear();
  feed.lost();
  feed.subscribed("p");
  EXPECT_THAT(commands(), IsEmpty());
  ask(1, {{"p", 8}}, "e1", 8);
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
}

TEST_F(FeedTest, AnotherEpochOnTheBusClosesEverybody) {
  live({{"p", 8}, {"q", 7}});
  hear("p", 20, 0, "e2");
  EXPECT_THAT(commands(), ElementsAre("close  reset", "read p q"));
  members.clear();
  hear("p", 9, 8, "e1");
  read({top("p", 20), top("q", 0)}, "e2", 15);
  EXPECT_THAT(commands(), IsEmpty());
  hear("p", 22, 20, "e2");
  EXPECT_THAT(commands(), ElementsAre("deliver p 22"));
}

TEST_F(FeedTest, AnotherEpochInAReadClosesEverybodyAndIsReadAgain) {
  live({{"p", 8}});
  feed.lost();
  feed.subscribed("p");
  commands();
  read({top("p", 8)}, "e2", 9);
  EXPECT_THAT(commands(), ElementsAre("close  reset", "read p"));
  members.clear();
  read({top("p", 8)}, "e2", 9);
  EXPECT_THAT(commands(), IsEmpty());
  EXPECT_FALSE(feed.stopped());
}

TEST_F(FeedTest, WhoKnowsAnotherEpochMakesItAskTheStore) {
  live({{"p", 8}});
  ask(1, {{"p", 3}}, "e2", 3);
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
  read({kept("p", {30})}, "e2", 20);
  EXPECT_THAT(commands(), ElementsAre("close  reset", "read p>0"));
  read({kept("p", {30})}, "e2", 20);
  EXPECT_THAT(commands(), ElementsAre("close p unknown", "answer 1 p:30[30]"));
}

TEST_F(FeedTest, WhoKnowsMoreThanTheNodeMakesItAskTheStore) {
  live({{"p", 8}});
  ask(1, {{"p", 30}}, "e1", 30);
  EXPECT_THAT(commands(), ElementsAre("read p"));
  answers_probes = false;
  read({top("p", 30)});
  hear("p", 30, 8);
  feed.probed(true);
  EXPECT_THAT(commands(), ElementsAre("probe", "deliver p 30", "answer 1 p:30[]"));
}

TEST_F(FeedTest, AGapMarkerClosesTheProgramAndStaysInTheRing) {
  live({{"p", 8}});
  feed.published({"e1", "p", record(10, 8, std::string(history::gap_marker))}, now);
  EXPECT_THAT(commands(), ElementsAre("close p gap"));
  ask(1, {{"p", 8}}, "e1", 8);
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:10[10]"));
}

TEST_F(FeedTest, MembersOfWhomNothingIsKnownAreClosedWhenTheStoreIsThere) {
  ask(1, {{"p", after_everything}});
  feed.tick(now + options.patience);
  EXPECT_THAT(commands(), ElementsAre("subscribe p", "answer 1 failed"));
  members.insert("p");
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("read p"));
  read({top("p", 4)});
  EXPECT_THAT(commands(), ElementsAre("close p unknown"));
}

TEST_F(FeedTest, FollowsBlindlyAProgramThatLingered) {
  live({{"p", 8}});
  members.clear();
  feed.lost();
  feed.subscribed("p");
  EXPECT_THAT(commands(), IsEmpty());
  members.insert("p");
  feed.watch("p");
  EXPECT_THAT(commands(), ElementsAre("read p"));
  feed.store_read(Unexpected{StoreError::unavailable}, now);
  now += options.retry;
  feed.tick(now);
  EXPECT_THAT(commands(), ElementsAre("read p"));
  read({top("p", 10)});
  EXPECT_THAT(commands(), ElementsAre("close p unknown"));
}

TEST_F(FeedTest, AHoleOfAProgramWithoutMembersHoldsUpNobody) {
  live({{"p", 8}});
  members.clear();
  hear("p", 12, 10);
  EXPECT_FALSE(feed.stopped());
  ask(1, {});
  EXPECT_THAT(commands(), ElementsAre("answer 1"));
  ask(2, {{"p", 8}}, "e1", 8);
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
  read({kept("p", {8, 10, 12})});
  EXPECT_THAT(commands(), ElementsAre("answer 2 p:12[10 12]"));
}

TEST_F(FeedTest, AReadThatFailsFailsTheQuestionsAndIsTriedAgain) {
  ask(1, {{"p", 5}});
  feed.subscribed("p");
  commands();
  feed.store_read(Unexpected{StoreError::unavailable}, now);
  EXPECT_THAT(commands(), ElementsAre("answer 1 failed"));
  ask(2, {{"p", 5}});
  EXPECT_THAT(commands(), IsEmpty());
  feed.tick(now + options.retry);
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
}

TEST_F(FeedTest, APredecessorThatTheStoreDoesNotKnowIsNoReasonToReadForEver) {
  live({{"p", 8}});
  hear("p", 1000, 900);
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  read({top("p", 8)});
  EXPECT_THAT(commands(), IsEmpty());
  EXPECT_FALSE(feed.stopped());
  hear("p", 10, 8);
  EXPECT_THAT(commands(), ElementsAre("deliver p 10"));
}

TEST_F(FeedTest, HoldsNothingOfAProgramThatIsYetToBeRead) {
  ask(1, {{"p", 5}});
  feed.withdraw(1);
  feed.subscribed("p");
  commands();
  hear("p", 10, 8);
  EXPECT_EQ(feed.held_count(), 0U);
  ask(2, {{"p", 5}});
  hear("p", 12, 10);
  EXPECT_EQ(feed.held_count(), 1U) << "the read may have been made before";
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
  read({kept("p", {8, 10})});
  EXPECT_THAT(commands(), ElementsAre("deliver p 12", "answer 2 p:12[8 10 12]"));
}

TEST_F(FeedTest, ARepeatIsNotDelivered) {
  live({{"p", 8}});
  hear("p", 10, 8);
  hear("p", 10, 8);
  EXPECT_THAT(commands(), ElementsAre("deliver p 10"));
}

TEST_F(FeedTest, WhoIsDeafNotices) {
  live({{"p", 8}});
  now += options.check_interval;
  feed.tick(now);
  EXPECT_THAT(commands(), ElementsAre("read p"));
  read({top("p", 10)});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p deaf", "listen again"));
  EXPECT_EQ(feed.times_deaf(), 1U);
}

TEST_F(FeedTest, ADeafNodeDoesNotMixWhatItKnewWithWhatItReads) {
  live({{"p", 8}});
  ask(1, {{"p", 8}, {"q", 5}}, "e1", 8);
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("subscribe q", "read p q>0"));
  read({top("p", 15), kept("q", {6, 20})});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p deaf", "listen again"));
  members.clear();
  feed.subscribed("p");
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
  read({kept("p", {8, 15})});
  EXPECT_THAT(commands(), ElementsAre("read p q>0"));
  read({top("p", 15), kept("q", {6, 20})});
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:15[15] q:20[6 20]"));
}

TEST_F(FeedTest, AQuestionOfManyProgramsIsReadByAndByThenComparedAtOnce) {
  std::vector<std::pair<std::string, Gid>> reads;
  std::vector<Kept> whole;
  std::vector<Kept> tops;
  for (char name = 'a'; name < 'a' + 9; ++name) {
    reads.emplace_back(std::string(1, name), 5);
    whole.push_back(kept(std::string(1, name), {6}));
    tops.push_back(top(std::string(1, name), 6));
  }
  ask(1, reads);
  for (const auto& [name, after] : reads) feed.subscribed(name);
  std::vector<std::string> said = commands();
  EXPECT_EQ(said.back(), "read a>0");
  read({whole[0]});
  EXPECT_THAT(commands(), ElementsAre("read a b>0 c>0 d>0 e>0 f>0 g>0 h>0 i>0"));
  read({tops[0], whole[1], whole[2], whole[3], whole[4], whole[5], whole[6], whole[7], whole[8]});
  said = commands();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_TRUE(said[0].starts_with("answer 1 a:6[6]"));
}

TEST_F(FeedTest, WhoHearsBeforeTheProbeIsAnsweredIsNotDeaf) {
  live({{"p", 8}});
  now += options.check_interval;
  feed.tick(now);
  commands();
  answers_probes = false;
  read({top("p", 10)});
  hear("p", 10, 8);
  feed.probed(true);
  EXPECT_EQ(feed.times_deaf(), 0U);
  EXPECT_THAT(commands(), ElementsAre("probe", "deliver p 10"));
}

TEST_F(FeedTest, AReadIsNotAnsweredBeforeAllThatItKnowsHasBeenHeard) {
  live({{"p", 8}});
  ask(1, {{"p", 8}, {"q", 5}}, "e1", 8);
  feed.subscribed("q");
  EXPECT_THAT(commands(), ElementsAre("subscribe q", "read p q>0"));
  answers_probes = false;
  read({top("p", 15), kept("q", {6, 20})});
  hear("p", 15, 8);
  EXPECT_THAT(commands(), ElementsAre("probe", "deliver p 15"));
  hear("q", 20, 6);
  hear("q", 22, 20);
  feed.probed(true);
  EXPECT_THAT(commands(), ElementsAre("deliver q 22", "answer 1 p:15[15] q:22[6 20 22]"));
}

TEST_F(FeedTest, NothingGoesOnBeforeAllThatWasReadAgainHasBeenHeard) {
  live({{"p", 8}, {"q", 7}});
  feed.lost();
  feed.subscribed("p");
  feed.subscribed("q");
  answers_probes = false;
  EXPECT_THAT(commands(), ElementsAre("read p>8"));
  read({kept("p", {10}, 8)});
  feed.probed(true);
  EXPECT_THAT(commands(), ElementsAre("probe", "read q>7"));
  read({kept("q", {20}, 7)});
  hear("p", 15, 10);
  feed.probed(true);
  EXPECT_THAT(commands(), ElementsAre("probe", "deliver p 10", "deliver p 15", "deliver q 20"));
}

TEST_F(FeedTest, AProbeThatFailsMakesTheReadWorthNothing) {
  ask(1, {{"p", 5}});
  feed.subscribed("p");
  commands();
  answers_probes = false;
  read({kept("p", {6})});
  feed.lost();
  feed.probed(false);
  EXPECT_THAT(commands(), ElementsAre("probe"));
  feed.subscribed("p");
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
}

TEST_F(FeedTest, EventsThatWereDeliveredBeyondAHoleAreToldOf) {
  live({{"p", 8}, {"q", 7}});
  hear("q", 11, 7);
  hear("p", 12, 10);
  EXPECT_THAT(commands(), ElementsAre("deliver q 11", "read p>8 q>11"));
  read({kept("p", {10, 12}, 8), kept("q", {}, 11)});
  EXPECT_THAT(commands(), ElementsAre("mark p", "close p delivered beyond a hole"));
}

TEST_F(FeedTest, WhatTheRingHasDroppedIsReadAgain) {
  live({{"p", 8}});
  for (Gid gid = 10; gid <= 18; gid += 2) hear("p", gid, gid - 2);
  commands();
  ask(1, {{"p", 10}}, "e1", 10);
  EXPECT_THAT(commands(), ElementsAre("answer 1 p:18[12 14 16 18]"));
  ask(2, {{"p", 8}}, "e1", 8);
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
}

TEST_F(FeedTest, WhatIsOldLeavesTheRing) {
  live({{"p", 8}});
  hear("p", 10, 8);
  commands();
  now += options.ring.age_max + options.check_interval;
  feed.tick(now);
  EXPECT_THAT(commands(), ElementsAre("read p"));
  ask(1, {{"p", 8}}, "e1", 8);
  read({top("p", 10)});
  EXPECT_THAT(commands(), ElementsAre("read p>0"));
}

TEST_F(FeedTest, LetsGoOfAProgramAfterLingering) {
  live({{"p", 8}});
  members.clear();
  now += options.check_interval;
  feed.tick(now);
  EXPECT_THAT(commands(), IsEmpty());
  now += options.ring.age_max;
  feed.tick(now);
  EXPECT_THAT(commands(), ElementsAre("unsubscribe p"));
  EXPECT_EQ(feed.program_count(), 0U);
}

TEST_F(FeedTest, AProgramThatTheStoreHasForgottenIsWholeForWhoKnewMore) {
  live({{"p", 8}, {"q", 50}});
  feed.lost();
  feed.subscribed("p");
  commands();
  read({top("p", 0)}, "e1", 20);
  feed.subscribed("q");
  commands();
  read({top("q", 50)}, "e1", 20);
  EXPECT_THAT(commands(), IsEmpty());
}

TEST_F(FeedTest, AProgramThatTheStoreHasForgottenIsAGapForWhoKnewLess) {
  live({{"p", 8}});
  feed.lost();
  feed.subscribed("p");
  commands();
  read({top("p", 0)}, "e1", 20);
  EXPECT_THAT(commands(), ElementsAre("close p gap"));
}

TEST_F(FeedTest, AProgramThatCountsFromTheBeginningAgainIsAGapForWhoKnewLess) {
  live({{"p", 8}});
  feed.lost();
  feed.subscribed("p");
  commands();
  read({kept("p", {30})}, "e1", 20);
  EXPECT_THAT(commands(), ElementsAre("close p gap"));
}

TEST_F(FeedTest, OfNoProgramsIsAnsweredAtOnce) {
  ask(1, {});
  EXPECT_THAT(commands(), ElementsAre("answer 1"));
}

}  // namespace
}  // namespace crier::gateway
