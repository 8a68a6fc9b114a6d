#pragma once

// One epoll set, and the clock that goes with it.

#include <cstdint>
#include <functional>
#include <vector>

namespace load {

/// What is called when its descriptor is ready. Outlives its registration.
class Ready {
 public:
  Ready() = default;
  Ready(const Ready&) = delete;
  Ready& operator=(const Ready&) = delete;
  virtual ~Ready() = default;
  virtual void ready(std::uint32_t events) = 0;
};

class Loop {
 public:
  /// Of turns: when there is nothing to do before something is ready.
  static constexpr std::int64_t never = INT64_MAX;
  /// Of turns: run() returns.
  static constexpr std::int64_t done = -1;
  using Turn = std::function<std::int64_t(std::int64_t now)>;

  /// `spin`: it polls and never sleeps.
  explicit Loop(bool spin);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Calls `ready` at each edge of `descriptor`: input, room for output, its end. Closing it takes
  /// it out. False: it cannot.
  [[nodiscard]] bool add(int descriptor, Ready& ready) const;

  /// Calls `tick` each `interval` ns while run() runs.
  void every(std::int64_t interval, std::function<void(std::int64_t now)> tick);

  /// Asks `turn` after each turn until it answers `done`; else with the time of its next call at
  /// the latest.
  void run(const Turn& turn);

  /// run() for `seconds`.
  void wait(double seconds);

  /// How long it has waited for something to be ready, in ns.
  [[nodiscard]] std::int64_t idle() const { return idle_; }

 private:
  struct Tick {
    std::int64_t interval;
    std::int64_t next;
    std::function<void(std::int64_t)> call;
  };

  std::int64_t tick(std::int64_t now);
  int poll(std::int64_t until, std::int64_t now);

  int epoll_;
  bool spin_;
  std::int64_t idle_ = 0;
  std::vector<Tick> ticks_;
};

}  // namespace load
