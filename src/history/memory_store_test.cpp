#include "history/memory_store.hpp"

#include "tests/contract/history_contract.hpp"
#include "tests/contract/sessions_contract.hpp"

#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

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
  EventLog& log() { return *memory; }
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
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, SessionsContract, MemorySubject);

class MemoryStoreTest : public testing::Test {
 protected:
  Appended append(const std::string& program, const std::string& body = "{}",
                  const std::string& token = {}) {
    std::optional<Appended> appended;
    subject.store().append({program, Bytes(body), token},
                           [&](auto result) { appended = result.value(); });
    return *appended;
  }
  void append_later(const std::string& program) {
    subject.store().append({program, Bytes(std::string("{}")), ""}, [](auto) {});
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

Gid floor_of(HistoryStore& store) {
  Gid floor = 0;
  store.read({}, [&](auto result) { floor = result.value().floor; });
  return floor;
}

constexpr WallTime two_hours = 7'200'000'000;

TEST_F(MemoryStoreTest, ForgetsAProgramTwoHoursAfterItsLastEvent) {
  subject.open({});
  const Gid floor = floor_of(subject.store());
  const Gid top = append("quiet").position.gid;
  subject.clock += two_hours;
  append("busy");
  EXPECT_EQ(subject.memory->program_count(), 2U);
  EXPECT_EQ(floor_of(subject.store()), floor);
  subject.clock += 1;
  EXPECT_EQ(floor_of(subject.store()), top) << "no older cursor is whole from here on";
  EXPECT_EQ(subject.memory->program_count(), 1U);
  EXPECT_EQ(kept("quiet").top, 0U);
  const Appended again = append("quiet");
  EXPECT_EQ(again.position.seq, 1U);
  EXPECT_EQ(again.prev, 0U);
}

TEST_F(MemoryStoreTest, RemembersAProgramForTwiceALongTtl) {
  subject.open({.ttl = std::chrono::hours(3)});
  append("p");
  subject.clock += 3 * two_hours;
  append("other");
  EXPECT_EQ(kept("p").records.size(), 0U);
  EXPECT_EQ(append("p").position.seq, 2U);
  subject.clock += 3 * two_hours + 2000;
  append("other");
  EXPECT_EQ(append("p").position.seq, 1U);
}

TEST_F(MemoryStoreTest, ForgetsAFewProgramsWithEachCall) {
  subject.open({});
  for (int i = 0; i < 100; ++i) append("p" + std::to_string(i));
  subject.clock += two_hours + 1'000'000;
  Gid floor = 0;
  for (std::size_t left = 100; left > 0;) {
    const Gid next = floor_of(subject.store());
    EXPECT_GT(next, floor);
    floor = next;
    const std::size_t forgotten = left - subject.memory->program_count();
    ASSERT_GE(forgotten, 1U);
    EXPECT_LE(forgotten, 8U);
    left -= forgotten;
  }
}

TEST_F(MemoryStoreTest, CountsProgramsAndBytesWhateverComesAndGoes) {
  const Retention retention{.ttl = std::chrono::hours(1), .events_max = 3};
  subject.open(retention);
  struct Model {
    Gid top = 0;
    std::deque<std::pair<Gid, std::size_t>> kept;
  };
  std::map<std::string, Model> models;
  Random random = Random::seeded(3);
  for (int i = 0; i < 5000; ++i) {
    subject.clock += static_cast<WallTime>(random.number() % 600'000'000);
    const std::string name = "p" + std::to_string(random.number() % (random.number() % 40 + 1));
    const std::string body = "{" + std::string(random.number() % 9, ' ') + "}";
    const Appended appended = append(name, body);
    const Gid now = static_cast<Gid>(subject.clock);
    for (auto at = models.begin(); at != models.end();) {
      Model& model = at->second;
      while (!model.kept.empty() && model.kept.back().first < now - two_hours / 2) {
        model.kept.pop_back();
      }
      at = model.top < now - two_hours ? models.erase(at) : std::next(at);
    }
    Model& model = models[name];
    ASSERT_EQ(appended.prev, model.top) << i;
    model.top = appended.position.gid;
    model.kept.emplace_front(model.top, body.size());
    if (model.kept.size() > 3) model.kept.pop_back();
    // What is too old in a program that is not, is dropped when somebody comes for it.
    for (const auto& [program, other] : models) kept(program);
    std::size_t bytes = 0;
    for (const auto& [program, other] : models) {
      for (const auto& [gid, size] : other.kept) bytes += size;
    }
    ASSERT_EQ(subject.memory->program_count(), models.size()) << i;
    ASSERT_EQ(subject.memory->held_bytes(), bytes) << i;
  }
}

TEST_F(MemoryStoreTest, ForgetsAClaimAfterAnHourButNeverItsFence) {
  subject.open({});
  const auto claim = [&](const std::string& sid) {
    Fence fence = 0;
    subject.store().claim(sid, [&](auto result) { fence = result.value(); });
    return fence;
  };
  const auto known = [&](const std::string& sid) {
    Fence fence = 0;
    subject.store().fences({sid}, [&](auto result) { fence = result.value().at(0); });
    return fence;
  };
  const Fence first = claim("a");
  EXPECT_EQ(first, 1'700'000'000'000'000U);
  subject.clock += 1'800'000'000;
  const Fence second = claim("a");
  const Fence other = claim("b");
  EXPECT_EQ(other, second + 1);
  subject.clock += 3'600'000'000;
  EXPECT_EQ(known("a"), second) << "the newer claim counts";
  subject.clock += 1;
  EXPECT_EQ(known("a"), 0U);
  EXPECT_EQ(known("b"), other);
  subject.clock -= two_hours;
  EXPECT_GT(claim("a"), second) << "though the clock stepped back";
}

TEST_F(MemoryStoreTest, TellsAtOnceWhatIsAsked) {
  subject.open({});
  EXPECT_FALSE(subject.store().hears());
  Heard heard;
  subject.store().listen(heard);
  EXPECT_TRUE(subject.store().hears());
  subject.store().subscribe("p");
  EXPECT_THAT(heard.words, testing::ElementsAre("claims", "subscribed p"));
  subject.store().append({"p", Bytes(std::string("{}")), ""}, [&](auto result) {
    EXPECT_TRUE(result.has_value());
    EXPECT_EQ(heard.events.size(), 1U) << "the event comes before its answer";
  });
  EXPECT_EQ(heard.events.size(), 1U);
}

TEST_F(MemoryStoreTest, DropsWhatAnUnsubscriptionOvertakes) {
  subject.open({});
  Heard heard;
  subject.store().listen(heard);
  subject.store().subscribe("p");
  subject.store().subscribe("q");
  bool nested = false;
  heard.then = [&] {
    if (std::exchange(nested, true)) return;
    append_later("q");
    subject.store().unsubscribe("q");
    append_later("q");
    subject.store().subscribe("q");
    append_later("q");
  };
  append("p");
  EXPECT_THAT(heard.seqs(), testing::ElementsAre("p1", "q3"));
}

}  // namespace
}  // namespace crier::history
