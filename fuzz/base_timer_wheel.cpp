// Fuzzes the timer wheel against a plain list of deadlines. The input is a program with four bytes
// for each step.
#include "base/timer_wheel.hpp"
#include "one_input.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

namespace {

using namespace crier;

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::size_t slots = 16;
using Deadlines = std::array<TimePoint, slots>;

void advance(TimerWheel& wheel, Deadlines& deadlines, TimePoint now) {
  std::vector<TimerWheel::Slot> due;
  wheel.advance(now, due);
  TimePoint last = TimePoint::min();
  for (const TimerWheel::Slot slot : due) {
    require(deadlines.at(slot) <= now);
    require(last <= deadlines.at(slot));
    last = std::exchange(deadlines.at(slot), never);
  }
  require(std::all_of(deadlines.begin(), deadlines.end(), [&](TimePoint d) { return d > now; }));
  require(wheel.next() > now);
}

}  // namespace

void one_input(std::string_view input, std::size_t) {
  const TimePoint start{std::chrono::hours(1000)};
  TimePoint now = start;
  TimerWheel wheel(start);
  Deadlines deadlines;
  deadlines.fill(never);
  for (; input.size() >= 4; input.remove_prefix(4)) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(input[i]); };
    const Duration span((std::int64_t{byte(2)} << 8U | byte(3)) << byte(1) % 24U);
    const TimerWheel::Slot slot = byte(0) % slots;
    if (byte(0) >= 0xC0) {
      advance(wheel, deadlines, now += span);
    } else {
      deadlines.at(slot) = byte(0) >= 0xA0 ? never : now + span - std::chrono::milliseconds(1);
      wheel.set(slot, deadlines.at(slot));
    }
    const TimePoint earliest = *std::min_element(deadlines.begin(), deadlines.end());
    require(wheel.next() <= earliest);
    require((wheel.next() == never) == (earliest == never));
  }
}
