#include "gateway/replay.hpp"

#include "history/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

namespace crier::gateway {
namespace {

using history::Gid;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t no_bound = SIZE_MAX;

class ReplayTest : public testing::Test {
 protected:
  /// An event of the program, with a body of `bytes`.
  void publish(std::size_t program, Gid gid, std::size_t bytes = 10) {
    push(program, gid, std::string(bytes, 'x'));
  }
  void push(std::size_t program, Gid gid, std::string body) {
    rings[program].push({gid, 1, rings[program].top(), Bytes(std::move(body))}, {});
  }
  void keep_newest(std::size_t program, std::uint32_t count) {
    rings[program].trim({count, no_bound, std::chrono::hours(1)}, {});
  }
  /// The numbers that come next, and how that ends.
  std::vector<Gid> pull(Replay& replay, Pull::End end, std::size_t room = no_bound,
                        std::size_t alone = 0) {
    const Pull pulled = replay.pull(views, room, alone);
    EXPECT_EQ(pulled.end, end);
    std::vector<Gid> gids;
    for (const auto& record : pulled.events) gids.push_back(record.gid);
    return gids;
  }

  std::vector<Ring> rings{2};
  std::vector<const Ring*> views{&rings[0], &rings[1]};
};

TEST_F(ReplayTest, ComesInOrderOverAllProgramsUpToTheSnapshotAndThenToTheTop) {
  publish(0, 10);
  publish(1, 20);
  publish(0, 30);
  publish(1, 40);
  Replay replay({{0, 0}, 30});
  EXPECT_THAT(pull(replay, Pull::End::snapshot), ElementsAre(10, 20, 30));
  EXPECT_EQ(replay.position(), 30U);
  EXPECT_THAT(pull(replay, Pull::End::top), ElementsAre(40));
  publish(0, 50);
  EXPECT_THAT(pull(replay, Pull::End::top), ElementsAre(50));
  EXPECT_THAT(pull(replay, Pull::End::top), IsEmpty());
}

TEST_F(ReplayTest, EachProgramBeginsAboveItsOwnPosition) {
  publish(0, 10);
  publish(1, 20);
  publish(1, 30);
  Replay replay({{10, 20}, 30});
  EXPECT_THAT(pull(replay, Pull::End::snapshot), ElementsAre(30));
}

TEST_F(ReplayTest, ReachesTheSnapshotOnceEvenWithoutAnEvent) {
  Replay replay({{0, 0}, 0});
  EXPECT_THAT(pull(replay, Pull::End::snapshot), IsEmpty());
  EXPECT_THAT(pull(replay, Pull::End::top), IsEmpty());
}

TEST_F(ReplayTest, WhatTheClientHadIsNotSentBeyondTheSnapshotEither) {
  publish(0, 10);
  publish(1, 20);
  Replay replay({{10, 20}, 20});
  EXPECT_THAT(pull(replay, Pull::End::snapshot), IsEmpty());
  EXPECT_EQ(replay.position(), 20U);
  publish(0, 30);
  EXPECT_THAT(pull(replay, Pull::End::top), ElementsAre(30));
}

TEST_F(ReplayTest, BringsAsManyEventsAsHaveRoom) {
  for (const Gid gid : {10, 20, 30}) publish(0, gid, 100);
  constexpr std::size_t event = 100 + Replay::event_bytes;
  Replay replay({{0, 0}, 30});
  EXPECT_THAT(pull(replay, Pull::End::full, event - 1), IsEmpty());
  EXPECT_THAT(pull(replay, Pull::End::full, 2 * event - 1), ElementsAre(10));
  EXPECT_EQ(replay.position(), 10U);
  EXPECT_THAT(pull(replay, Pull::End::snapshot, 2 * event), ElementsAre(20, 30));
}

TEST_F(ReplayTest, OneThatIsLargerComesAloneIfItHasRoom) {
  for (const Gid gid : {10, 20}) publish(0, gid, 100);
  publish(1, 30, 1000);
  constexpr std::size_t large = 1000 + Replay::event_bytes;
  Replay replay({{0, 0}, 30});
  EXPECT_THAT(pull(replay, Pull::End::full, large - 1, large), ElementsAre(10, 20));
  EXPECT_THAT(pull(replay, Pull::End::full, large - 1, large - 1), IsEmpty());
  EXPECT_THAT(pull(replay, Pull::End::snapshot, large - 1, large), ElementsAre(30));
}

TEST_F(ReplayTest, GapMarkersAreLeftOut) {
  publish(0, 10);
  push(0, 20, std::string(history::gap_marker));
  publish(0, 30);
  Replay replay({{0, 0}, 30});
  EXPECT_THAT(pull(replay, Pull::End::snapshot), ElementsAre(10, 30));
}

TEST_F(ReplayTest, WhatWasTrimmedAfterItWasPulledIsNotLost) {
  for (const Gid gid : {10, 20, 30}) publish(0, gid);
  Replay replay({{0, 0}, 30});
  EXPECT_THAT(pull(replay, Pull::End::full, 0, no_bound), ElementsAre(10));
  keep_newest(0, 2);
  EXPECT_THAT(pull(replay, Pull::End::full, 0, no_bound), ElementsAre(20));
  publish(0, 40);
  keep_newest(0, 2);
  EXPECT_THAT(pull(replay, Pull::End::snapshot), ElementsAre(30));
}

TEST_F(ReplayTest, IsLostWithTheFirstEventThatWasTrimmedBefore) {
  for (const Gid gid : {10, 20, 30}) publish(0, gid);
  Replay replay({{0, 0}, 30});
  EXPECT_THAT(pull(replay, Pull::End::full, 0, no_bound), ElementsAre(10));
  keep_newest(0, 1);
  EXPECT_THAT(pull(replay, Pull::End::lost), IsEmpty());
}

TEST_F(ReplayTest, IsLostBeyondTheSnapshotToo) {
  publish(0, 10);
  Replay replay({{0, 0}, 10});
  EXPECT_THAT(pull(replay, Pull::End::snapshot), ElementsAre(10));
  publish(0, 20);
  publish(0, 30);
  keep_newest(0, 1);
  EXPECT_THAT(pull(replay, Pull::End::lost), IsEmpty());
}

TEST_F(ReplayTest, IsLostWithARingThatIsNotKnownAnyMore) {
  publish(0, 10);
  Replay replay({{0, 0}, 10});
  views[1] = nullptr;
  EXPECT_THAT(pull(replay, Pull::End::lost), IsEmpty());
}

}  // namespace
}  // namespace crier::gateway
