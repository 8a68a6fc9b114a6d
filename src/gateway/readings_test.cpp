#include "gateway/readings.hpp"

#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

constexpr Asked between_reads{7};
constexpr Asked during_a_read{7, true};
constexpr Asked in_doubt{7, true, true};

TEST(ReadingsTest, StandsInTheQueueOnce) {
  Readings program;
  EXPECT_FALSE(program.dequeue());
  EXPECT_TRUE(program.enqueue());
  EXPECT_FALSE(program.enqueue());
  EXPECT_TRUE(program.dequeue());
  EXPECT_FALSE(program.dequeue());
}

TEST(ReadingsTest, IsAskedByTheLatestReadThatAsked) {
  Readings program;
  program.ask(3, false);
  EXPECT_TRUE(program.is_asked_by(3));
  EXPECT_FALSE(program.is_all_asked_by(3));
  program.ask(4, true);
  EXPECT_FALSE(program.is_asked_by(3));
  EXPECT_FALSE(program.is_all_asked_by(3));
  EXPECT_TRUE(program.is_all_asked_by(4));
  program.ask(5, false);
  EXPECT_FALSE(program.is_all_asked_by(4));
  EXPECT_FALSE(program.is_all_asked_by(5));
}

TEST(ReadingsTest, WantsAllUntilItIsAskedFor) {
  Readings program;
  EXPECT_FALSE(program.wants_all());
  program.want_all();
  EXPECT_TRUE(program.wants_all());
  program.ask(1, true);
  EXPECT_FALSE(program.wants_all());
}

TEST(ReadingsTest, IsCoveredByTheLatestReadThatCounted) {
  Readings program;
  EXPECT_FALSE(program.is_covered_after(0));
  program.cover(7, false);
  EXPECT_TRUE(program.is_covered_by(7));
  EXPECT_FALSE(program.is_covered_by(6));
  EXPECT_TRUE(program.is_covered_after(6));
  EXPECT_FALSE(program.is_covered_after(7));
}

TEST(ReadingsTest, CountsForWhoIsNotInDoubtHoweverOldItIs) {
  Readings program;
  EXPECT_TRUE(program.count_for(between_reads));
  EXPECT_TRUE(program.count_for(during_a_read));
}

TEST(ReadingsTest, CountsInDoubtFromTheFirstReadThatBeganLater) {
  Readings program;
  EXPECT_FALSE(program.count_for(in_doubt));
  program.cover(7, true);
  EXPECT_FALSE(program.count_for(in_doubt)) << "it had begun when the question was asked";
  program.cover(8, false);
  EXPECT_TRUE(program.count_for(in_doubt));
}

TEST(ReadingsTest, AllCountsIfItsAnswerWasAwaitedWhenTheQuestionWasAsked) {
  Readings program;
  program.cover(6, true);
  EXPECT_FALSE(program.all_count_for(during_a_read));
  program.cover(7, true);
  EXPECT_TRUE(program.all_count_for(during_a_read));
  EXPECT_FALSE(program.all_count_for(between_reads)) << "it was over when the question was asked";
  program.cover(8, true);
  EXPECT_TRUE(program.all_count_for(between_reads));
}

TEST(ReadingsTest, AReadOfTheTopIsNotAReadOfAll) {
  Readings program;
  program.cover(8, false);
  EXPECT_FALSE(program.all_count_for(during_a_read));
  program.cover(9, true);
  program.cover(10, false);
  EXPECT_TRUE(program.all_count_for(between_reads)) << "what was read once stays read";
}

class ReadsTest : public testing::Test {
 protected:
  /// A read of everything of `p` is under way.
  void begin() {
    reads.add({"p", 0, 0}, p);
    reads.begin();
  }

  Reads reads;
  Readings p;
  Readings q;
};

TEST_F(ReadsTest, WhoWaitsHasItsTurnInOrderAndOnce) {
  reads.queue("p", p);
  reads.queue("q", q);
  reads.queue("p", p);
  EXPECT_EQ(reads.next_queued(), "p");
  EXPECT_EQ(reads.next_queued(), "q");
  EXPECT_EQ(reads.next_queued(), std::nullopt);
}

TEST_F(ReadsTest, WhoWasDequeuedMayWaitAgain) {
  reads.queue("p", p);
  reads.clear_queue();
  EXPECT_EQ(reads.next_queued(), std::nullopt);
  p.dequeue();
  reads.queue("p", p);
  EXPECT_EQ(reads.next_queued(), "p");
}

TEST_F(ReadsTest, WhatIsAddedIsAskedByTheNextRead) {
  EXPECT_FALSE(reads.has_requests());
  reads.add({"p", 5, 0}, p);
  EXPECT_TRUE(reads.has_requests());
  EXPECT_TRUE(reads.is_added(p));
  EXPECT_FALSE(reads.is_added(q));
  EXPECT_FALSE(reads.is_under_way(p));
  reads.begin();
  EXPECT_EQ(reads.latest(), 1U);
  EXPECT_TRUE(reads.is_under_way(p));
  EXPECT_FALSE(reads.is_under_way(q));
  EXPECT_FALSE(reads.is_added(p)) << "the one after may ask for it again";
}

TEST_F(ReadsTest, OneReadAsksForEverythingOfEightPrograms) {
  for (std::size_t i = 0; i < whole_reads_max; ++i) {
    EXPECT_TRUE(reads.has_room());
    reads.add({std::to_string(i), i, 0}, p);
  }
  EXPECT_FALSE(reads.has_room());
}

TEST_F(ReadsTest, OneReadAsksForTheTopsOfManyPrograms) {
  for (std::size_t i = 0; i < top_reads_max; ++i) {
    EXPECT_TRUE(reads.has_room());
    reads.add({std::to_string(i), after_everything, 0}, p);
  }
  EXPECT_FALSE(reads.has_room());
}

TEST_F(ReadsTest, TheNextReadHasRoomAgain) {
  for (std::size_t i = 0; i < whole_reads_max; ++i) reads.add({"p", 0, 0}, p);
  reads.begin();
  EXPECT_EQ(reads.end().size(), whole_reads_max);
  EXPECT_TRUE(reads.has_room());
  EXPECT_FALSE(reads.has_requests());
}

TEST_F(ReadsTest, AReadServesWhoAsksBeforeItsAnswer) {
  begin();
  reads.add({"q", 5, 0}, q);
  EXPECT_TRUE(reads.is_awaited(p));
  EXPECT_TRUE(reads.is_all_awaited(p));
  EXPECT_FALSE(reads.is_awaited(q));
  reads.answered();
  EXPECT_FALSE(reads.is_awaited(p));
  EXPECT_FALSE(reads.is_all_awaited(p));
  EXPECT_TRUE(reads.is_under_way(p)) << "whether it counts is not known yet";
}

TEST_F(ReadsTest, AReadOfTheRestDoesNotBringAll) {
  reads.add({"p", 5, 0}, p);
  reads.begin();
  EXPECT_TRUE(reads.is_awaited(p));
  EXPECT_FALSE(reads.is_all_awaited(p));
}

TEST_F(ReadsTest, AReadIsOverWhenItIsSaidSo) {
  EXPECT_TRUE(reads.is_idle());
  begin();
  EXPECT_FALSE(reads.is_idle());
  EXPECT_FALSE(reads.is_answered());
  reads.answered();
  EXPECT_TRUE(reads.is_answered());
  const auto requests = reads.end();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].program, "p");
  EXPECT_TRUE(reads.is_idle());
  EXPECT_FALSE(reads.is_under_way(p));
}

TEST_F(ReadsTest, AHoleOutdatesTheReadUnderWayAndNotTheNext) {
  begin();
  EXPECT_FALSE(reads.is_outdated());
  reads.outdate();
  EXPECT_TRUE(reads.is_outdated());
  reads.end();
  EXPECT_TRUE(reads.is_outdated()) << "the feed looks after its end";
  begin();
  EXPECT_FALSE(reads.is_outdated());
}

TEST_F(ReadsTest, AQuestionRemembersWhatHadBegun) {
  begin();
  EXPECT_EQ(reads.now(false).begun, 1U);
  EXPECT_TRUE(reads.now(false).awaited);
  EXPECT_FALSE(reads.now(false).needs_new_reads);
  reads.answered();
  EXPECT_FALSE(reads.now(false).awaited);
  reads.end();
  EXPECT_FALSE(reads.now(false).awaited);
  EXPECT_TRUE(reads.now(true).needs_new_reads);
}

}  // namespace
}  // namespace crier::gateway
