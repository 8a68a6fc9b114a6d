#include "bench.hpp"
#include "clock.hpp"

#include <algorithm>
#include <deque>

namespace load {

namespace {

constexpr double patience = 8;  ///< Seconds for what is under way at the end.
constexpr std::size_t open_loop_connections = 64;
constexpr std::uint64_t refusals_most = 100;  ///< Without any publish that is accepted.

class Fanout {
 public:
  explicit Fanout(Bench& bench)
      : bench_(bench), publishers_(bench.publishers), deliveries_(bench.deliveries) {
    publishers_.lost = [this](std::int64_t stamp) { deliveries_.cancel(stamp); };
  }

  /// Broadcasts for `seconds`; false when nothing is accepted.
  bool broadcast(double seconds) {
    const std::int64_t begin = nanoseconds();
    const std::int64_t end = begin + in_nanoseconds(seconds);
    if (bench_.options.rate) due_ = begin;
    bench_.loop.run([&](std::int64_t now) {
      deliveries_.end_unstamped(now);
      if (now >= end || hopeless()) return Loop::done;
      if (now >= next_look_) {  // It looks at every slot: too dear for each turn.
        next_look_ = now + in_nanoseconds(0.1);
        bench_.errors.add_if(deliveries_.give_up(now - in_nanoseconds(patience)),
                             "broadcast incomplete");
      }
      return std::min(end, bench_.options.rate ? open_loop(now) : closed_loop(now));
    });
    return !hopeless();
  }

  /// Waits for what is under way.
  void settle() {
    const std::int64_t end = nanoseconds() + in_nanoseconds(patience);
    bench_.loop.run([&](std::int64_t now) {
      deliveries_.end_unstamped(now);
      send_waiting(now);
      const bool over =
          deliveries_.under_way() == 0 && publishers_.under_way() == 0 && waiting_.empty();
      return over || now >= end || bench_.crowd.listening() == 0 ? Loop::done : end;
    });
    for (const std::int64_t stamp : waiting_) deliveries_.cancel(stamp);
    bench_.errors.add_if(waiting_.size(), "publishes without a free connection");
    waiting_.clear();
    bench_.errors.add_if(deliveries_.give_up(Loop::never), "broadcast incomplete");
  }

 private:
  [[nodiscard]] bool hopeless() const {
    return (publishers_.refused >= refusals_most && publishers_.accepted == 0) ||
           bench_.crowd.listening() == 0;
  }

  std::int64_t closed_loop(std::int64_t now) {
    // One that fails at once ends at once: no more than a window a turn.
    for (std::size_t i = 0; i < bench_.options.window; ++i) {
      if (deliveries_.under_way() >= bench_.options.window || !publishers_.ready()) break;
      publishers_.post(now, deliveries_.begin(now));
    }
    return now + in_nanoseconds(patience);
  }

  std::int64_t open_loop(std::int64_t now) {
    while (due_ <= now) {
      // Its time begins when it is due, though no connection may be free.
      waiting_.push_back(deliveries_.begin(now));
      due_ += in_nanoseconds(1 / *bench_.options.rate);
    }
    send_waiting(now);
    return due_;
  }

  void send_waiting(std::int64_t now) {
    for (; !waiting_.empty() && publishers_.ready(); waiting_.pop_front()) {
      publishers_.post(now, waiting_.front());
    }
  }

  Bench& bench_;
  Publishers& publishers_;
  Deliveries& deliveries_;
  std::int64_t due_ = 0;
  std::int64_t next_look_ = 0;
  std::deque<std::int64_t> waiting_;
};

}  // namespace

std::string run_fanout(Bench& bench) {
  // Connections are opened when they are needed: an open loop does not wait for answers.
  const std::size_t connections = std::max(
      bench.options.publishers, bench.options.rate ? open_loop_connections : bench.options.window);
  if (std::string problem = bench.set_up_publishers(connections); !problem.empty()) return problem;
  if (std::string problem = bench.connect(); !problem.empty()) return problem;
  if (bench.crowd.listening() == 0) return "no client is left that reads as fast as it can";
  bench.crowd.slow_down();
  Fanout fanout(bench);
  Shared& shared = bench.crowd.shared();
  if (!fanout.broadcast(bench.options.warm_up)) return bench.hopeless();
  fanout.settle();
  bench.deliveries.clear();
  bench.publishers.clear();
  shared.reads = 0;
  Window window(bench);
  const bool ran = fanout.broadcast(bench.options.seconds());
  window.finish();
  Figures& figures = bench.figures;
  figures.deliveries = window.count_of(bench.deliveries.count, {});
  figures.deliveries_in_window = bench.deliveries.count;
  figures.frames_per_read = static_cast<double>(bench.deliveries.count) /
                            static_cast<double>(std::max<std::uint64_t>(shared.reads, 1));
  figures.publishes = window.count_of(bench.publishers.accepted, {});
  fanout.settle();
  figures.deliveries->count = bench.deliveries.count;
  figures.deliveries->took = bench.deliveries.latency;
  figures.broadcast = bench.deliveries.whole;
  figures.other_events = bench.deliveries.others;
  figures.publishes->count = bench.publishers.accepted;
  figures.publishes->took = bench.publishers.answer;
  if (bench.crowd.slow.clients > 0) {
    bench.crowd.speed_up();
    bench.loop.wait(0.5);
    figures.slow = bench.crowd.slow;
  }
  return ran ? "" : bench.hopeless();
}

}  // namespace load
