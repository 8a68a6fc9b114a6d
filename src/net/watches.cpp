// Implements the watched sockets with an epoll set of their own.

#include "net/watches.hpp"

#include "base/assert.hpp"
#include "net/backend.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <system_error>
#include <utility>

namespace crier::net {

static_assert(Watch::readable == EPOLLIN && Watch::writable == EPOLLOUT);

Watches::Watches() : set_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (set_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

bool Watches::add(Watch& watch) {
  epoll_event event{};
  event.events = Watch::readable;
  event.data.ptr = &watch;
  watch.watched_ = Watch::readable;
  return ::epoll_ctl(set_, EPOLL_CTL_ADD, watch.descriptor(), &event) == 0;
}

void Watches::look_for(Watch& watch, std::uint32_t events) const {
  epoll_event event{};
  // epoll reports an error or the peer's end whatever was requested; edge-triggered, it does so
  // once.
  event.events = events == 0 ? static_cast<std::uint32_t>(EPOLLET) : events;
  event.data.ptr = &watch;
  watch.watched_ = static_cast<std::uint8_t>(events);
  CRIER_ASSERT(::epoll_ctl(set_, EPOLL_CTL_MOD, watch.descriptor(), &event) == 0);
}

void Watches::await(Watch& watch) {
  const std::uint32_t wanted = watch.awaited();
  if ((wanted & ~watch.watched_) != 0) look_for(watch, wanted);
}

// Closing the descriptor would not suffice: a process that was forked meanwhile has it too, and the
// set would continue to report it.
void Watches::forget(std::shared_ptr<Watch> watch) {
  epoll_event ignored{};
  CRIER_ASSERT(::epoll_ctl(set_, EPOLL_CTL_DEL, watch->descriptor(), &ignored) == 0);
  watch->forgotten_ = true;
  if (dispatching_) forgotten_.push_back(std::move(watch));
}

std::size_t Watches::dispatch(std::size_t max, const std::atomic<bool>& stop,
                              TimePoint& handler_time) {
  std::array<epoll_event, 256> events;
  const auto room = static_cast<int>(std::min(max, events.size()));
  const int count = ::epoll_wait(set_, events.data(), room, 0);
  std::size_t called = 0;
  dispatching_ = true;
  for (int i = 0; i < count && !stop; ++i) {
    const epoll_event& event = events.at(static_cast<std::size_t>(i));
    Watch& watch = *static_cast<Watch*>(event.data.ptr);
    if (watch.forgotten_) continue;
    std::uint32_t came = event.events;
    if ((came & (EPOLLERR | EPOLLHUP)) != 0) came |= Watch::readable | Watch::writable;
    // Readiness that is no longer awaited would be reported again and again.
    const std::uint32_t wanted = watch.awaited();
    if ((came & watch.watched_ & ~wanted) != 0) look_for(watch, wanted);
    if ((came & wanted) == 0) continue;
    handler_time = read_clock();
    watch.ready(came & wanted);
    ++called;
  }
  dispatching_ = false;
  forgotten_.clear();
  return called;
}

}  // namespace crier::net
