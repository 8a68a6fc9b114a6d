#include "bench.hpp"
#include "clock.hpp"

#include <algorithm>

namespace load {

namespace {

constexpr double patience = 8;   ///< Seconds for what is under way at the end.
constexpr double silence = 0.3;  ///< Seconds after which nothing more is thought to come.
constexpr std::uint64_t refusals_most = 100;

class Publish {
 public:
  explicit Publish(Bench& bench) : bench_(bench) {}

  /// POSTs for `seconds`, or `count` of them; false when nothing is accepted.
  bool post(double seconds, std::uint64_t count) {
    const std::int64_t end = nanoseconds() + in_nanoseconds(seconds);
    Publishers& publishers = bench_.publishers;
    std::uint64_t posted = 0;
    bench_.loop.run([&](std::int64_t now) {
      if (hopeless()) return Loop::done;
      if (count == 0 ? now >= end : posted == count && publishers.under_way() == 0)
        return Loop::done;
      for (std::size_t i = 0; i < bench_.options.publishers && publishers.ready(); ++i) {
        if (count != 0 && posted == count) break;
        stamp_ = std::max(now, stamp_ + 1);
        publishers.post(now, stamp_);
        ++posted;
      }
      return end;
    });
    return !hopeless();
  }

  /// Waits for what is under way: all that every client is owed, or until nothing comes any more.
  void settle() {
    const std::int64_t end = nanoseconds() + in_nanoseconds(patience);
    std::int64_t last = nanoseconds();
    std::uint64_t seen = bench_.deliveries.count;
    bench_.loop.run([&](std::int64_t now) {
      if (std::exchange(seen, bench_.deliveries.count) != seen) last = now;
      const std::uint64_t owed = bench_.publishers.accepted * bench_.crowd.listening();
      const bool over = bench_.deliveries.count >= owed || now - last > in_nanoseconds(silence);
      if (now >= end || (over && bench_.publishers.under_way() == 0)) return Loop::done;
      return now + in_nanoseconds(silence / 4);
    });
  }

 private:
  [[nodiscard]] bool hopeless() const {
    return bench_.publishers.refused >= refusals_most && bench_.publishers.accepted == 0;
  }

  Bench& bench_;
  std::int64_t stamp_ = 0;
};

}  // namespace

std::string run_publish(Bench& bench) {
  const Options& options = bench.options;
  if (std::string problem = bench.set_up_publishers(options.publishers); !problem.empty())
    return problem;
  if (std::string problem = bench.connect(); !problem.empty()) return problem;
  Publish publish(bench);
  if (options.count == 0) {
    if (!publish.post(options.warm_up, 0)) return bench.hopeless();
    publish.settle();
  }
  bench.deliveries.clear();
  bench.publishers.clear();
  bench.crowd.shared().reads = 0;
  Window window(bench);
  const bool ran = publish.post(options.seconds(), options.count);
  window.finish();
  Figures& figures = bench.figures;
  figures.publishes = window.count_of(bench.publishers.accepted, bench.publishers.answer);
  figures.deliveries = window.count_of(bench.deliveries.count, {});
  figures.deliveries_in_window = bench.deliveries.count;
  const std::uint64_t reads = std::max<std::uint64_t>(bench.crowd.shared().reads, 1);
  figures.frames_per_read =
      static_cast<double>(bench.deliveries.count) / static_cast<double>(reads);
  publish.settle();
  figures.publishes->count = bench.publishers.accepted;
  figures.deliveries->count = bench.deliveries.count;
  figures.deliveries->took = bench.deliveries.latency;
  figures.other_events = bench.deliveries.others;
  if (options.clients == 0) figures.deliveries.reset();
  return ran ? "" : bench.hopeless();
}

}  // namespace load
