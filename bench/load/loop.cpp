#include "loop.hpp"

#include "clock.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace load {

namespace {

std::array<epoll_event, 1024> events;

}  // namespace

Loop::Loop(bool spin) : epoll_(::epoll_create1(EPOLL_CLOEXEC)), spin_(spin) {
  if (epoll_ < 0) std::abort();
  // Broadcasts at a rate leave when they are due, not up to 50 µs later.
  ::prctl(PR_SET_TIMERSLACK, 1);
}

Loop::~Loop() { ::close(epoll_); }

bool Loop::add(int descriptor, Ready& ready) const {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &ready;
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void Loop::every(std::int64_t interval, std::function<void(std::int64_t)> tick) {
  ticks_.push_back({interval, nanoseconds() + interval, std::move(tick)});
}

void Loop::run(const Turn& turn) {
  for (;;) {
    const std::int64_t now = nanoseconds();
    const std::int64_t until = tick(now);
    const std::int64_t wanted = turn(now);
    if (wanted == done) return;
    // Spinning, a turn is so short that it counts as waiting when it finds nothing.
    const int count = poll(std::min(until, wanted), spin_ ? now : nanoseconds());
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      static_cast<Ready*>(event.data.ptr)->ready(event.events);
    }
  }
}

void Loop::wait(double seconds) {
  const std::int64_t end = nanoseconds() + in_nanoseconds(seconds);
  run([end](std::int64_t now) { return now >= end ? done : end; });
}

std::int64_t Loop::tick(std::int64_t now) {
  std::int64_t next = never;
  for (Tick& tick : ticks_) {
    if (now >= tick.next) {
      tick.call(now);
      tick.next = std::max(tick.next + tick.interval, now);
    }
    next = std::min(next, tick.next);
  }
  return next;
}

int Loop::poll(std::int64_t until, std::int64_t now) {
  const std::int64_t most = spin_ ? 0 : std::clamp<std::int64_t>(until - now, 0, in_nanoseconds(1));
  const timespec timeout{most / 1'000'000'000, most % 1'000'000'000};
  const int count =
      ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
  // A poll that finds something did not wait for it.
  if (count <= 0 || !spin_) idle_ += nanoseconds() - now;
  return count;
}

}  // namespace load
