#include "net/loop.hpp"

#include "net/loopback.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <latch>
#include <thread>
#include <vector>

namespace crier::net {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

TEST(Loop, RunsTasksInTheOrderPosted) {
  Loop loop;
  std::vector<int> order;
  loop.post([&] {
    order.push_back(1);
    loop.post([&] {
      order.push_back(4);
      loop.stop();
    });
  });
  loop.post([&] { order.push_back(2); });
  loop.post([&] { order.push_back(3); });
  loop.run();
  EXPECT_THAT(order, ElementsAre(1, 2, 3, 4));
}

TEST(Loop, TakesTasksFromManyThreadsAndKeepsTheOrderOfEach) {
  constexpr int threads = 4;
  constexpr int tasks = 2000;
  Loop loop;
  std::vector<std::vector<int>> seen(threads);
  int total = 0;
  std::vector<std::thread> posters;
  for (int t = 0; t < threads; ++t) {
    posters.emplace_back([&, t] {
      for (int i = 0; i < tasks; ++i) {
        loop.post([&, t, i] {
          seen[static_cast<std::size_t>(t)].push_back(i);
          if (++total == threads * tasks) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (auto& poster : posters) poster.join();
  for (const auto& numbers : seen) {
    EXPECT_EQ(numbers.size(), static_cast<std::size_t>(tasks));
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
  }
}

TEST(Loop, KeepsTheOrderBetweenItsOwnThreadAndAnother) {
  Loop loop;
  std::vector<int> order;
  std::latch posted_first(1);
  std::latch posted_second(1);
  std::thread other([&] {
    posted_first.wait();
    loop.post([&] {
      order.push_back(2);
      loop.stop();
    });
    posted_second.count_down();
  });
  loop.post([&] {
    loop.post([&] { order.push_back(1); });
    posted_first.count_down();
    posted_second.wait();
  });
  loop.run();
  other.join();
  EXPECT_THAT(order, ElementsAre(1, 2));
}

TEST(Loop, ReturnsAfterTheHandlerInProgressAndGoesOnLater) {
  Loop loop;
  std::vector<int> order;
  loop.post([&] {
    loop.stop();
    order.push_back(1);
  });
  loop.post([&] {
    order.push_back(2);
    loop.stop();
  });
  loop.run();
  EXPECT_THAT(order, ElementsAre(1));
  loop.run();
  EXPECT_THAT(order, ElementsAre(1, 2));
}

TEST(Loop, RemembersAStopThatCameBeforeRun) {
  Loop loop;
  bool ran = false;
  loop.post([&] { ran = true; });
  loop.stop();
  loop.run();
  EXPECT_FALSE(ran);
  EXPECT_TRUE(run_until(loop, [&] { return ran; }));
}

TEST(Loop, StopsFromAnotherThreadWhileItWaits) {
  Loop loop;
  std::latch running(1);
  loop.post([&] { running.count_down(); });
  std::thread other([&] {
    running.wait();
    loop.stop();
  });
  loop.run();
  other.join();
}

TEST(Loop, DestroysTasksThatNeverRan) {
  const auto held = std::make_shared<int>(1);
  {
    Loop loop;
    auto timer = std::make_shared<Timer>(loop, [] {});
    timer->arm(loop.now() + 1h);
    loop.post([held, timer] {});
    auto posts_again = std::shared_ptr<int>(new int(2), [&loop, held](const int* number) {
      delete number;
      loop.post([held] {});
    });
    loop.post([posts_again] {});
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Loop, ClosesStreamsThatItsUnrunTasksHold) {
  Loop loop;
  Ends ends = connect(loop);
  ASSERT_TRUE(ends.accepted && ends.connected);
  {
    Loop other;
    Ends inner = connect(other);
    ASSERT_TRUE(inner.accepted && inner.connected);
    inner.accepted->wait_readable();
    other.post([stream = std::make_shared<Stream>(std::move(*inner.accepted))] {});
    inner.connected->wait_readable();
  }
}

TEST(Loop, EndsATurnOnceAfterAllThatWasReady) {
  Loop loop;
  int tasks = 0;
  std::vector<int> seen;
  loop.on_turn_end([&] { seen.push_back(tasks); });
  for (int i = 0; i < 3; ++i) loop.post([&] { ++tasks; });
  loop.post([&] { loop.stop(); });
  loop.run();
  EXPECT_THAT(seen, ElementsAre(3));
}

TEST(Loop, EndsTurnsAndFiresTimersThoughTasksNeverEnd) {
  Loop loop;
  int tasks = 0;
  int tasks_of_turn = 0;
  int longest_turn = 0;
  bool fired = false;
  std::function<void()> again = [&] {
    ++tasks;
    ++tasks_of_turn;
    if (!fired || tasks < 5000) {
      loop.post(again);
    } else {
      loop.stop();
    }
  };
  loop.on_turn_end([&] { longest_turn = std::max(longest_turn, std::exchange(tasks_of_turn, 0)); });
  Timer timer(loop, [&] { fired = true; });
  timer.arm(loop.now() + 1ms);
  loop.post(again);
  loop.run();
  EXPECT_TRUE(fired);
  EXPECT_GT(longest_turn, 1);
  EXPECT_LE(longest_turn, 256);
}

TEST(Loop, ReplacesTheTurnEndHandlerFromWithin) {
  Loop loop;
  std::vector<int> order;
  const auto turn = [&] {
    loop.post([&] { loop.stop(); });
    loop.run();
  };
  loop.on_turn_end([&, held = std::make_shared<int>(1)] {
    loop.on_turn_end([&] { order.push_back(2); });
    order.push_back(*held);  // still there
  });
  turn();
  turn();
  turn();
  loop.on_turn_end({});
  turn();
  EXPECT_THAT(order, ElementsAre(1, 2, 2));
}

TEST(Loop, ReadsAClockThatDoesNotGoBack) {
  const Loop loop;
  const TimePoint before = loop.now();
  EXPECT_LE(before, loop.now());
}

TEST(Loop, ReadsTheClockBeforeEachTaskAndOnlyThen) {
  Loop loop;
  TimePoint first_ended{};
  TimePoint second_began{};
  loop.post([&] {
    const TimePoint began = loop.handler_time();
    while (loop.now() == began) {
    }
    first_ended = loop.now();
    EXPECT_EQ(loop.handler_time(), began);
  });
  loop.post([&] { second_began = loop.handler_time(); });
  EXPECT_TRUE(run_until(loop, [&] { return second_began != TimePoint{}; }));
  EXPECT_GE(second_began, first_ended);
}

TEST(Timer, CallsWithTheClockRead) {
  Loop loop;
  const TimePoint at = loop.now() + 1ms;
  TimePoint began{};
  Timer timer(loop, [&] { began = loop.handler_time(); });
  timer.arm(at);
  EXPECT_TRUE(run_until(loop, [&] { return began != TimePoint{}; }));
  EXPECT_GE(began, at);
}

TEST(Timer, CallsOnceAndNotEarly) {
  Loop loop;
  int calls = 0;
  TimePoint called{};
  Timer timer(loop, [&] {
    ++calls;
    called = loop.now();
  });
  bool later = false;
  Timer after(loop, [&] { later = true; });
  const TimePoint at = loop.now() + 5ms;
  timer.arm(at);
  after.arm(at + 5ms);
  EXPECT_TRUE(run_until(loop, [&] { return later; }));
  EXPECT_EQ(calls, 1);
  EXPECT_GE(called, at);
}

TEST(Timer, CallsInTheOrderOfTimes) {
  Loop loop;
  std::vector<int> order;
  Timer first(loop, [&] { order.push_back(1); });
  Timer second(loop, [&] { order.push_back(2); });
  Timer third(loop, [&] { order.push_back(3); });
  const TimePoint now = loop.now();
  third.arm(now + 3ms);
  first.arm(now + 1ms);
  second.arm(now + 2ms);
  EXPECT_TRUE(run_until(loop, [&] { return order.size() == 3; }));
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST(Timer, CallsAtOnceForATimeThatHasPassed) {
  for (const TimePoint at : {TimePoint{}, TimePoint::min(), TimePoint(-1us)}) {
    Loop loop;
    bool called = false;
    Timer timer(loop, [&] { called = true; });
    timer.arm(at);
    EXPECT_FALSE(called);
    EXPECT_TRUE(run_until(loop, [&] { return called; }));
  }
}

TEST(Timer, HeedsTheLastTimeOnly) {
  Loop loop;
  TimePoint called = never;
  int calls = 0;
  Timer timer(loop, [&] {
    called = loop.now();
    ++calls;
  });
  const TimePoint now = loop.now();
  timer.arm(now + 1ms);
  timer.arm(now + 20ms);
  EXPECT_TRUE(run_until(loop, [&] { return calls > 0; }));
  EXPECT_GE(called, now + 20ms);
  timer.arm(loop.now() + 1h);
  timer.arm(loop.now() + 1ms);
  EXPECT_TRUE(run_until(loop, [&] { return calls > 1; }));
  EXPECT_EQ(calls, 2);
}

TEST(Timer, DoesNotCallAfterACancelEvenWhenItsTimeHadCome) {
  Loop loop;
  bool called = false;
  bool other_called = false;
  Timer timer(loop, [&] { called = true; });
  Timer never_armed(loop, [&] { called = true; });
  std::optional<Timer> destroyed;
  destroyed.emplace(loop, [&] { called = true; });
  timer.arm(loop.now() + 1ms);
  destroyed->arm(loop.now() + 1ms);
  never_armed.arm(never);
  // Both are due in the turn that this task ends.
  loop.post([&] {
    const TimePoint until = loop.now() + 2ms;
    while (loop.now() < until) {
    }
    timer.cancel();
    destroyed.reset();
  });
  Timer later(loop, [&] { other_called = true; });
  later.arm(loop.now() + 10ms);
  EXPECT_TRUE(run_until(loop, [&] { return other_called; }));
  EXPECT_FALSE(called);
}

TEST(Timer, IsArmedAgainAfterACancelAndByItsOwnHandler) {
  Loop loop;
  int calls = 0;
  Timer timer(loop, [&] {
    if (++calls < 3) timer.arm(loop.now() + 1ms);
  });
  timer.arm(loop.now() + 1ms);
  timer.cancel();
  timer.arm(loop.now() + 2ms);
  EXPECT_TRUE(run_until(loop, [&] { return calls == 3; }));
}

TEST(Timer, MayBeDestroyedByItsOwnHandler) {
  Loop loop;
  bool called = false;
  std::optional<Timer> timer;
  timer.emplace(loop, [&, held = std::make_shared<int>(7)] {
    timer.reset();
    called = *held == 7;
  });
  timer->arm(loop.now());
  EXPECT_TRUE(run_until(loop, [&] { return called; }));
}

TEST(Timer, LetsGoOfItsHandlerWhenDestroyed) {
  Loop loop;
  const auto held = std::make_shared<int>(1);
  {
    Timer timer(loop, [held] {});
    timer.arm(loop.now() + 1h);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Timer, WaitsForTheFarthestTimes) {
  Loop loop;
  bool called = false;
  Timer timer(loop, [&] { called = true; });
  for (const TimePoint at : {never - 1us, loop.now() + 24h * 365 * 200, loop.now() + 24h * 366}) {
    timer.arm(at);
    run_ready(loop);
  }
  EXPECT_FALSE(called);
  timer.arm(loop.now());
  EXPECT_TRUE(run_until(loop, [&] { return called; }));
}

}  // namespace
}  // namespace crier::net
