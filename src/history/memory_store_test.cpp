#include "history/memory_store.hpp"

#include "tests/contract/history_contract.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>

namespace crier::history {
namespace {

using std::chrono::milliseconds;

struct MemorySubject {
  static constexpr milliseconds ttl{50};

  void open(const Retention& retention) {
    kept_ttl = retention.ttl;
    memory.emplace(retention, [this] { return clock; }, Random::seeded(7));
  }
  void close() { memory.reset(); }
  HistoryStore& store() { return *memory; }
  template <class Predicate>
  void wait(Predicate holds) {
    ASSERT_TRUE(holds()) << "the memory store answers at once";
  }
  template <class Predicate>
  bool eventually_expired(Predicate holds) {
    clock += std::chrono::microseconds(kept_ttl).count();
    const bool early = holds();
    clock += 1'000'000;
    return !early && holds();
  }

  WallTime clock = 1'700'000'000'000'000;
  milliseconds kept_ttl{};
  std::optional<MemoryStore> memory;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, HistoryContract, MemorySubject);

class MemoryStoreTest : public testing::Test {
 protected:
  Appended append(const std::string& program, const std::string& body = "{}",
                  const std::string& token = {}) {
    std::optional<Appended> appended;
    subject.store().append({program, Bytes(body), token},
                           [&](auto result) { appended = result.value(); });
    return *appended;
  }
  Kept kept(const std::string& program) {
    std::optional<ReadReply> reply;
    subject.store().read({{program, 0, 0}}, [&](auto result) { reply = result.value(); });
    return reply->programs.at(0);
  }

  MemorySubject subject;
};

TEST_F(MemoryStoreTest, GivesTheClockAsTheFirstNumber) {
  subject.open({});
  EXPECT_EQ(append("p").position.gid, 1'700'000'000'000'000U);
  EXPECT_EQ(append("p").position.gid, 1'700'000'000'001'000U);
}

TEST_F(MemoryStoreTest, KeepsAnEventForExactlyTheTtl) {
  subject.open({.ttl = milliseconds(1)});
  append("p");
  subject.clock += 1'000;
  EXPECT_EQ(kept("p").records.size(), 1U);
  subject.clock += 1;
  EXPECT_EQ(kept("p").records.size(), 0U);
}

TEST_F(MemoryStoreTest, NumbersGrowWhenTheClockStepsBack) {
  subject.open({});
  const Gid first = append("p").position.gid;
  subject.clock -= 3'600'000'000;
  const Gid second = append("p").position.gid;
  EXPECT_EQ(second, first + 1);
  EXPECT_EQ(kept("p").records.size(), 2U);
}

TEST_F(MemoryStoreTest, NeverNumbersBelowItsFloor) {
  subject.open({});
  std::optional<ReadReply> reply;
  subject.store().read({}, [&](auto result) { reply = result.value(); });
  EXPECT_EQ(reply->floor, 1'699'999'999'999'999U);
  subject.clock -= 3'600'000'000;
  EXPECT_GT(append("p").position.gid, reply->floor);
}

TEST_F(MemoryStoreTest, HoldsTheBytesOfWhatIsKept) {
  subject.open({.events_max = 2});
  EXPECT_EQ(subject.memory->held_bytes(), 0U);
  append("p", "{\"n\":1}");
  append("p", "{\"n\":22}");
  append("q", "{\"n\":333}");
  EXPECT_EQ(subject.memory->held_bytes(), 7U + 8U + 9U);
  append("p", "{}");
  EXPECT_EQ(subject.memory->held_bytes(), 8U + 2U + 9U);
}

TEST_F(MemoryStoreTest, FreesAProgramThatNobodyTouchesAgain) {
  subject.open({.ttl = milliseconds(1000)});
  for (int i = 0; i < 100; ++i) append("quiet-" + std::to_string(i), R"({"n":1234})");
  subject.clock += 2'000'000;
  append("busy", "{}");
  EXPECT_EQ(subject.memory->held_bytes(), 2U);
  EXPECT_EQ(append("quiet-5").position.seq, 2U) << "its count goes on";
}

TEST_F(MemoryStoreTest, FreesTheOldestPartOfABusyProgram) {
  subject.open({.ttl = milliseconds(1000)});
  append("busy", "{}");
  subject.clock += 600'000;
  append("busy", "{\"n\":1}");
  subject.clock += 600'000;
  append("other", "{}");
  EXPECT_EQ(kept("busy").records.size(), 1U);
  EXPECT_EQ(subject.memory->held_bytes(), 9U);
}

TEST_F(MemoryStoreTest, FreesAQuietProgramBehindABusyOne) {
  subject.open({.ttl = milliseconds(1000)});
  append("busy", "{}");
  append("quiet", R"({"n":1234})");
  subject.clock += 600'000;
  append("busy", "{}");
  subject.clock += 600'000;
  append("busy", "{}");
  EXPECT_EQ(subject.memory->held_bytes(), 4U);
}

TEST_F(MemoryStoreTest, ForgetsATokenThoughItsProgramIsBusy) {
  subject.open({.ttl = milliseconds(1000)});
  append("p", "{}", "token");
  subject.clock += 600'000;
  append("p");
  subject.clock += 600'000;
  EXPECT_FALSE(append("p", "{}", "token").repeated);
}

TEST_F(MemoryStoreTest, RemembersAsManyTokensAsEvents) {
  subject.open({.events_max = 2});
  append("p", "{}", "first");
  append("p", "{}", "second");
  append("p", "{}", "third");
  EXPECT_TRUE(append("p", "{}", "second").repeated);
  EXPECT_TRUE(append("p", "{}", "third").repeated);
  EXPECT_FALSE(append("p", "{}", "first").repeated);
}

TEST_F(MemoryStoreTest, RemembersTheTokenOfAnEventThatBytesPushedOut) {
  subject.open({.bytes_max = 4});
  append("p", "{}", "first");
  append("p", "{}");
  append("p", "{}");
  EXPECT_EQ(kept("p").records.size(), 2U);
  EXPECT_TRUE(append("p", "{}", "first").repeated);
}

TEST_F(MemoryStoreTest, HasAnEpochOfItsOwn) {
  subject.open({});
  const Epoch first = append("p").position.epoch;
  subject.memory.emplace(Retention{}, [] { return WallTime{1}; }, Random::seeded(8));
  EXPECT_NE(append("p").position.epoch, first);
}

}  // namespace
}  // namespace crier::history
