// Implements the event loop and its timers on Boost.Asio.

#include "net/loop.hpp"

#include "net/backend.hpp"
#include "net/watches.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <mutex>
#include <utility>

namespace crier::net {
namespace {

namespace asio = boost::asio;

/// A turn ends after this many handlers even if more are ready, so that their output is flushed.
constexpr std::size_t handlers_a_turn_max = 256;
/// An extended turn ends after this many handlers, so that the collected events do not wait long.
constexpr std::size_t handlers_extended_max = 64;

}  // namespace

class LoopBackend {
 public:
  explicit LoopBackend(TimePoint& handler_time) : handler_time_(handler_time) { begin_handler(); }
  LoopBackend(const LoopBackend&) = delete;
  LoopBackend& operator=(const LoopBackend&) = delete;

  // Destroys the tasks first, because their captures may still use the loop.
  ~LoopBackend() {
    std::deque<std::function<void()>> never_ran;  // destroyed after the lock is released
    const std::lock_guard lock(mutex_);
    scheduled_ = true;
    never_ran.swap(tasks_);
  }

  void run() {
    while (!stopping_) {
      handled_ = 0;
      extended_ = false;
      watch();
      handled_ += context_.run_one();
      while (!stopping_ && handled_ < handlers_a_turn_max && step()) {
      }
      run_posted();
      end_turn();
    }
    stopping_ = false;
  }

  void stop() {
    stopping_ = true;
    asio::post(context_, [] {});  // wakes run(), which then checks stopping_
  }

  void post(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    if (!std::exchange(scheduled_, true)) schedule();
  }

  void begin_handler() { handler_time_ = read_clock(); }

  void on_turn_end(std::function<void()> handler) {
    turn_end_ = std::move(handler);
    turn_end_replaced_ = true;
  }

  void extend_turn() { extended_ = true; }

  asio::io_context& context() { return context_; }
  Watches& watches() { return watches_; }

 private:
  /// Waits for a stream to become ready.
  void watch() {
    ready_ = false;
    if (std::exchange(waiting_, true)) return;
    watching_.async_wait(asio::posix::descriptor_base::wait_read,
                         [this](const boost::system::error_code&) {
                           waiting_ = false;
                           ready_ = true;
                         });
  }

  /// Runs more ready handlers; false at the end of the turn. Streams that are ready together are
  /// called in one pass; only an extended turn polls again.
  bool step() {
    if (!ready_) {
      if (context_.poll_one() == 0) return false;
      ++handled_;
      return true;
    }
    const std::size_t count =
        watches_.dispatch(handlers_a_turn_max - handled_, stopping_, handler_time_);
    handled_ += count;
    return extended_ && count > 0 && handled_ < handlers_extended_max;
  }

  void schedule() {
    asio::post(context_, [this] { run_tasks(); });
  }

  // Asio keeps no order between tasks posted by its own thread and by others; this queue does.
  void run_tasks() {
    for (; !stopping_ && handled_ < handlers_a_turn_max; ++handled_) {
      const std::function<void()> task = take_task(false);
      if (!task) return;
      begin_handler();
      task();
    }
    schedule();
  }

  /// Runs what the handlers of this turn have posted, before the turn ends. The scheduled
  /// run_tasks() still follows.
  void run_posted() {
    for (; !stopping_ && handled_ < handlers_a_turn_max; ++handled_) {
      const std::function<void()> task = take_task(true);
      if (!task) return;
      begin_handler();
      task();
    }
  }

  std::function<void()> take_task(bool scheduled) {
    const std::lock_guard lock(mutex_);
    if (tasks_.empty()) {
      scheduled_ = scheduled && scheduled_;
      return {};
    }
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    return task;
  }

  // Moves the handler out while it runs, because it may replace itself.
  void end_turn() {
    if (!turn_end_) return;
    turn_end_replaced_ = false;
    std::function<void()> handler = std::move(turn_end_);
    handler();
    if (!turn_end_replaced_) turn_end_ = std::move(handler);
  }

  // One thread runs the context and uses the objects made on it; others only post. This hint
  // requires that, and it avoids a lock around each wait.
  asio::io_context context_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  TimePoint& handler_time_;
  Watches watches_;
  asio::posix::basic_stream_descriptor<asio::io_context::executor_type> watching_{
      context_, watches_.descriptor()};
  bool waiting_ = false;  // an asynchronous wait for ready streams is pending
  bool ready_ = false;    // streams are ready and have not been called in this turn
  std::atomic<bool> stopping_ = false;
  std::size_t handled_ = 0;
  bool extended_ = false;
  std::function<void()> turn_end_;
  bool turn_end_replaced_ = false;

  std::mutex mutex_;
  bool scheduled_ = false;                   // under mutex_: run_tasks() has been posted
  std::deque<std::function<void()>> tasks_;  // under mutex_
};

asio::io_context& context_of(Loop& loop) { return loop.backend().context(); }
Watches& watches_of(Loop& loop) { return loop.backend().watches(); }

void begin_handler(Loop& loop) { loop.backend().begin_handler(); }

TimePoint read_clock() {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}

Loop::Loop() : backend_(std::make_unique<LoopBackend>(handler_time_)) {}
Loop::~Loop() = default;

void Loop::run() { backend_->run(); }
void Loop::stop() { backend_->stop(); }
void Loop::post(std::function<void()> task) { backend_->post(std::move(task)); }

TimePoint Loop::now() const { return read_clock(); }

void Loop::extend_turn() { backend_->extend_turn(); }

void Loop::on_turn_end(std::function<void()> handler) { backend_->on_turn_end(std::move(handler)); }

struct Timer::State : std::enable_shared_from_this<Timer::State> {
  State(Loop& on, std::function<void()> call)
      : loop(on), handler(std::move(call)), timer(context_of(on)) {}

  // Lazy: a later time does not change the pending wait, whose end reads the new time. Only earlier
  // times reach the kernel.
  void arm(TimePoint at) {
    due = at;
    if (at < waiting_until) wait();
  }

  void wait() {
    waiting_until = due;
    // Later times would overflow Asio's clock, in nanoseconds; expired() then waits again.
    const TimePoint soonest{};
    timer.expires_at(std::clamp(due, soonest, loop.now() + std::chrono::hours(24 * 365)));
    timer.async_wait([self = shared_from_this(), wait = ++waits](const boost::system::error_code&) {
      if (wait == self->waits) self->expired();
    });
  }

  void expired() {
    waiting_until = never;
    if (due == never) return;
    begin_handler(loop);
    if (loop.handler_time() < due) return wait();
    due = never;
    // Moved out while it runs, because the handler may destroy the timer.
    std::function<void()> running = std::move(handler);
    running();
    if (!destroyed) handler = std::move(running);
  }

  void destroy() {
    destroyed = true;
    handler = nullptr;
    ++waits;
    timer.cancel();
  }

  Loop& loop;
  std::function<void()> handler;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>,
                             asio::io_context::executor_type>
      timer;
  TimePoint due = never;
  TimePoint waiting_until = never;
  std::uint64_t waits = 0;  // the number of the current wait; the end of an older wait is ignored
  bool destroyed = false;
};

Timer::Timer(Loop& loop, std::function<void()> handler)
    : state_(std::make_shared<State>(loop, std::move(handler))) {}
Timer::~Timer() { state_->destroy(); }

void Timer::arm(TimePoint at) { state_->arm(at); }
void Timer::cancel() { state_->arm(never); }

}  // namespace crier::net
