#include "base/timer_wheel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>

namespace crier {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using Slots = std::vector<TimerWheel::Slot>;

constexpr TimePoint start{1000h};

Slots advanced(TimerWheel& wheel, TimePoint now) {
  Slots due;
  wheel.advance(now, due);
  return due;
}

TEST(TimerWheel, HasNothingToDoWhenEmpty) {
  TimerWheel wheel(start);
  EXPECT_EQ(wheel.next(), never);
  EXPECT_THAT(advanced(wheel, start + 5h), IsEmpty());
}

TEST(TimerWheel, MeetsEachDeadlineOnceAndNeverEarly) {
  for (const Duration delay :
       {0us, 1us, 999us, 1000us, 1001us, Duration(63ms), Duration(64ms), Duration(65ms),
        Duration(4095ms), Duration(4096ms), Duration(25s), Duration(60s), Duration(5min),
        Duration(11h), Duration(24h * 365 * 100)}) {
    TimerWheel wheel(start);
    wheel.set(3, start + delay);
    EXPECT_LE(wheel.next(), start + delay);
    if (delay > 0us) {
      EXPECT_THAT(advanced(wheel, start + delay - 1us), IsEmpty()) << delay.count();
    }
    EXPECT_LE(wheel.next(), start + delay);
    EXPECT_THAT(advanced(wheel, start + delay), ElementsAre(3)) << delay.count();
    EXPECT_EQ(wheel.next(), never);
    EXPECT_THAT(advanced(wheel, start + delay + 1h), IsEmpty());
  }
}

TEST(TimerWheel, ReportsDeadlinesThatHadPassedWhenSet) {
  TimerWheel wheel(start);
  EXPECT_THAT(advanced(wheel, start + 10s), IsEmpty());
  wheel.set(0, start + 9s);
  wheel.set(1, start - 9s);
  wheel.set(2, TimePoint::min());
  EXPECT_LE(wheel.next(), start - 9s);
  EXPECT_THAT(advanced(wheel, start + 10s), ElementsAre(2, 1, 0));
}

TEST(TimerWheel, ReportsTheEarliestFirstAndAppends) {
  TimerWheel wheel(start);
  wheel.set(0, start + 3h);
  wheel.set(1, start + 100us);
  wheel.set(2, start + 99us);
  wheel.set(3, start + 70ms);
  wheel.set(4, start + 100us);
  Slots due{77};
  wheel.advance(start + 4h, due);
  EXPECT_THAT(due, ElementsAre(77, 2, 1, 4, 3, 0));
}

TEST(TimerWheel, ReplacesADeadlineByALaterOrEarlierOne) {
  TimerWheel wheel(start);
  wheel.set(1, start + 10s);
  wheel.set(1, start + 20s);
  EXPECT_THAT(advanced(wheel, start + 15s), IsEmpty());
  wheel.set(1, start + 16s);
  EXPECT_LE(wheel.next(), start + 16s);
  EXPECT_THAT(advanced(wheel, start + 16s), ElementsAre(1));
  EXPECT_THAT(advanced(wheel, start + 1h), IsEmpty());
}

TEST(TimerWheel, ForgetsACancelledDeadline) {
  TimerWheel wheel(start);
  wheel.cancel(9);
  wheel.set(1, start + 10s);
  wheel.set(2, start + 10s);
  wheel.cancel(1);
  wheel.cancel(1);
  EXPECT_THAT(advanced(wheel, start + 11s), ElementsAre(2));
  wheel.set(2, start + 12s);
  wheel.cancel(2);
  EXPECT_EQ(wheel.next(), never);
}

TEST(TimerWheel, SetsAgainASlotThatWasCancelledOrDue) {
  TimerWheel wheel(start);
  wheel.set(1, start + 10s);
  wheel.cancel(1);
  wheel.set(1, start + 5s);
  EXPECT_THAT(advanced(wheel, start + 5s), ElementsAre(1));
  wheel.set(1, start + 10s);
  EXPECT_THAT(advanced(wheel, start + 10s), ElementsAre(1));
}

TEST(TimerWheel, KeepsATimerOfTheCurrentTickUntilItsDeadline) {
  TimerWheel wheel(start);
  wheel.set(1, start + 300us);
  wheel.set(2, start + 700us);
  EXPECT_THAT(advanced(wheel, start + 500us), ElementsAre(1));
  EXPECT_GT(wheel.next(), start + 500us);
  EXPECT_LE(wheel.next(), start + 700us);
  EXPECT_THAT(advanced(wheel, start + 700us), ElementsAre(2));
}

TEST(TimerWheel, IgnoresTimeThatGoesBack) {
  TimerWheel wheel(start);
  EXPECT_THAT(advanced(wheel, start + 10s), IsEmpty());
  wheel.set(1, start + 11s);
  EXPECT_THAT(advanced(wheel, start + 5s), IsEmpty());
  EXPECT_THAT(advanced(wheel, start + 11s), ElementsAre(1));
}

TEST(TimerWheel, WorksAtOtherResolutions) {
  for (const Duration resolution : {Duration(1us), Duration(10ms), Duration(1h)}) {
    TimerWheel wheel(start, resolution);
    wheel.set(1, start + 90min);
    wheel.set(2, start + 30min);
    EXPECT_THAT(advanced(wheel, start + 30min), ElementsAre(2));
    EXPECT_THAT(advanced(wheel, start + 2h), ElementsAre(1));
  }
}

/// What the wheel must do, the slow way.
class Model {
 public:
  void set(TimerWheel::Slot slot, TimePoint deadline) {
    deadlines_.erase(slot);
    if (deadline != never) deadlines_.emplace(slot, deadline);
  }
  Slots advance(TimePoint now) {
    std::vector<std::pair<TimePoint, TimerWheel::Slot>> due;
    for (const auto& [slot, deadline] : deadlines_) {
      if (deadline <= now) due.emplace_back(deadline, slot);
    }
    std::sort(due.begin(), due.end());
    Slots slots;
    for (const auto& [deadline, slot] : due) {
      slots.push_back(slot);
      deadlines_.erase(slot);
    }
    return slots;
  }
  [[nodiscard]] TimePoint earliest() const {
    TimePoint earliest = never;
    for (const auto& [slot, deadline] : deadlines_) earliest = std::min(earliest, deadline);
    return earliest;
  }

 private:
  std::map<TimerWheel::Slot, TimePoint> deadlines_;
};

TEST(TimerWheel, AgreesWithASortedListWhateverIsSet) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 random(seed);
    const auto below = [&](std::uint64_t bound) {
      return static_cast<std::int64_t>(random() % bound);
    };
    const auto span = [&] { return Duration(below(std::uint64_t{1} << below(36))); };
    TimerWheel wheel(start);
    Model model;
    TimePoint now = start;
    for (int step = 0; step < 3000; ++step) {
      if (below(4) != 0) {
        const auto slot = static_cast<TimerWheel::Slot>(below(50));
        const TimePoint deadline = below(5) == 0 ? never : now + span() - 10us;
        wheel.set(slot, deadline);
        model.set(slot, deadline);
      } else {
        const TimePoint next = wheel.next();
        ASSERT_LE(next, model.earliest()) << "seed " << seed << " step " << step;
        ASSERT_EQ(next == never, model.earliest() == never);
        now = below(2) == 0 && next != never ? std::max(now, next) : now + span() / 8;
        ASSERT_EQ(advanced(wheel, now), model.advance(now)) << "seed " << seed << " step " << step;
        ASSERT_TRUE(wheel.next() > now) << "seed " << seed << " step " << step;
      }
    }
  }
}

TEST(TimerWheel, WakesNotMuchMoreOftenThanDeadlinesComeWhenTheyAreProlonged) {
  TimerWheel wheel(start);
  int wakes = 0;
  TimePoint now = start;
  for (int i = 0; i < 100'000; ++i) {  // a message each millisecond puts the time-out off
    now += 1ms;
    if (wheel.next() <= now) {
      ++wakes;
      EXPECT_THAT(advanced(wheel, now), IsEmpty());
    }
    wheel.set(0, now + 25s);
  }
  EXPECT_LE(wakes, 10);
}

}  // namespace
}  // namespace crier
