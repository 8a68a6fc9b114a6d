// net/loop.hpp in virtual time: a turn runs what is ready, a little after it became so.

#include "net_loop.hpp"

#include <algorithm>
#include <utility>

namespace crier::net {

using simulation::World;

LoopState::LoopState(TimePoint& handler_time)
    : world(World::current()),
      host(world.current_host()),
      handler_time_(handler_time),
      dice_(world.dice().fork("loop", host.index)),
      thread_(host.threads.size()) {
  host.threads.emplace_back();
  handler_time_ = world.now();
}

TimePoint LoopState::frozen_until() const {
  return std::max(host.frozen_until, host.threads[thread_]);
}

void LoopState::enqueue(std::function<void()> handler) {
  if (host.dead || closed_) return;
  ready_.push_back(std::move(handler));
  schedule();
}

void LoopState::schedule() {
  if (std::exchange(scheduled_, true)) return;
  const Duration lag(dice_.between(1, dice_.one_in(50) ? 5'000 : 60));
  world.at(std::max(world.now() + lag, frozen_until()), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->turn();
  });
}

void LoopState::turn() {
  if (host.dead || closed_) return;
  scheduled_ = false;
  if (world.now() < frozen_until()) return schedule();
  constexpr std::size_t handlers_a_turn_max = 256;
  std::size_t count = std::min(ready_.size(), handlers_a_turn_max);
  for (; count > 0 && !stopping && !closed_ && !host.dead; --count) {
    const std::function<void()> handler = std::move(ready_.front());
    ready_.pop_front();
    handler_time_ = world.now();
    handler();
  }
  if (closed_ || host.dead) return;
  end_turn();
  if (!ready_.empty()) schedule();
}

// The handler may replace itself: it is not in its place while it runs.
void LoopState::end_turn() {
  if (!turn_end_) return;
  turn_end_replaced_ = false;
  std::function<void()> handler = std::move(turn_end_);
  handler();
  if (!turn_end_replaced_) turn_end_ = std::move(handler);
}

void LoopState::on_turn_end(std::function<void()> handler) {
  turn_end_ = std::move(handler);
  turn_end_replaced_ = true;
}

void LoopState::close() {
  closed_ = true;
  const std::deque<std::function<void()>> never_ran = std::exchange(ready_, {});
}

Loop::Loop() : backend_(std::make_unique<LoopBackend>(handler_time_)) {}
Loop::~Loop() { backend_->state->close(); }

void Loop::run() {
  LoopState& state = *backend_->state;
  while (!state.stopping && state.world.step()) {
  }
  state.stopping = false;
}

void Loop::stop() { backend_->state->stopping = true; }
void Loop::post(std::function<void()> task) { backend_->state->enqueue(std::move(task)); }
TimePoint Loop::now() const { return backend_->state->world.now(); }
void Loop::extend_turn() {}  // each has all that is ready
void Loop::on_turn_end(std::function<void()> handler) {
  backend_->state->on_turn_end(std::move(handler));
}

struct Timer::State : std::enable_shared_from_this<Timer::State> {
  State(Loop& loop, std::function<void()> call)
      : on(loop.backend().state), handler(std::move(call)) {}

  void arm(TimePoint at) {
    const std::uint64_t arming = ++armings;
    if (at == never) return;
    on->world.at(at, [weak = weak_from_this(), arming] {
      const auto self = weak.lock();
      if (!self || arming != self->armings) return;
      self->on->enqueue([weak, arming] {
        const auto due = weak.lock();
        if (due && arming == due->armings && !due->destroyed) due->expired();
      });
    });
  }

  void expired() {
    // Out of its place while it runs: it may destroy the timer.
    const std::function<void()> running = std::move(handler);
    running();
    if (!destroyed) handler = running;
  }

  std::shared_ptr<LoopState> on;
  std::function<void()> handler;
  std::uint64_t armings = 0;
  bool destroyed = false;
};

Timer::Timer(Loop& loop, std::function<void()> handler)
    : state_(std::make_shared<State>(loop, std::move(handler))) {}
Timer::~Timer() {
  state_->destroyed = true;
  ++state_->armings;
}
void Timer::arm(TimePoint at) { state_->arm(at); }
void Timer::cancel() { state_->arm(never); }

}  // namespace crier::net
