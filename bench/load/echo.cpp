#include "bench.hpp"
#include "clock.hpp"
#include "json.hpp"

#include <algorithm>

namespace load {

namespace {

constexpr double patience = 5;  ///< Seconds for what is under way at the end.

class Echo {
 public:
  explicit Echo(Bench& bench) : bench_(bench) {
    text_ = '[' + json_string(bench.options.event) + R"(,")" +
            std::string(bench.options.bytes, 'x') + R"("])";
    bench_.crowd.shared().acked = [this](Client& client, std::uint64_t id, std::int64_t now) {
      took.record(now - base_ - static_cast<std::int64_t>(id));
      ++count;
      ++bench_.happened;
      under_way_ -= std::min<std::uint64_t>(under_way_, 1);
      if (open_ && !bench_.options.rate) emit(client, now);
    };
  }

  void begin() {
    open_ = true;
    if (bench_.options.rate) return;
    for (const auto& client : bench_.crowd.clients()) {
      for (std::size_t i = 0; i < bench_.options.window && client->joined(); ++i)
        emit(*client, nanoseconds());
    }
  }

  void go_on(double seconds) {
    const std::int64_t end = nanoseconds() + in_nanoseconds(seconds);
    if (due_ == 0) due_ = nanoseconds();
    bench_.loop.run([&](std::int64_t now) {
      if (now >= end || bench_.crowd.listening() == 0) return Loop::done;
      return bench_.options.rate ? std::min(end, open_loop(now)) : end;
    });
  }

  /// Waits for the last acknowledgements.
  void end() {
    open_ = false;
    const std::int64_t end = nanoseconds() + in_nanoseconds(patience);
    bench_.loop.run([&](std::int64_t now) {
      return now >= end || under_way_ == 0 || bench_.crowd.listening() == 0 ? Loop::done : end;
    });
    bench_.errors.add_if(under_way_, "no acknowledgement");
  }

  std::uint64_t count = 0;
  Histogram took;

 private:
  std::int64_t open_loop(std::int64_t now) {
    const auto& clients = bench_.crowd.clients();
    for (; due_ <= now; due_ += in_nanoseconds(1 / *bench_.options.rate)) {
      do {
        next_ = (next_ + 1) % clients.size();
      } while (!clients[next_]->joined());
      emit(*clients[next_], now);
    }
    return due_;
  }

  /// The number that asks for the acknowledgement is the time: nothing is to be kept for it.
  void emit(Client& client, std::int64_t now) {
    last_ = std::max(now, last_ + 1);
    ++under_way_;
    client.emit(static_cast<std::uint64_t>(last_ - base_), text_);
  }

  Bench& bench_;
  std::string text_;
  bool open_ = false;
  std::int64_t base_ = nanoseconds();
  std::int64_t last_ = 0;
  std::int64_t due_ = 0;
  std::size_t next_ = 0;
  std::uint64_t under_way_ = 0;
};

}  // namespace

std::string run_echo(Bench& bench) {
  if (std::string problem = bench.connect(); !problem.empty()) return problem;
  Echo echo(bench);
  echo.begin();
  echo.go_on(bench.options.warm_up);
  echo.count = 0;
  echo.took.clear();
  Window window(bench);
  echo.go_on(bench.options.seconds());
  window.finish();
  bench.figures.acks = window.count_of(echo.count, echo.took);
  if (bench.figures.acks->count == 0) {
    return "nobody acknowledges the event \"" + bench.options.event +
           "\": name one with --event that the server answers";
  }
  echo.end();
  return "";
}

}  // namespace load
