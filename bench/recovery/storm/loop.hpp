#pragma once

// One epoll set, and the clock that goes with it.

#include <cstdint>
#include <functional>
#include <string_view>

namespace storm {

/// Time of CLOCK_MONOTONIC.
std::int64_t nanoseconds();

/// What is called when its descriptor is ready. Outlives its registration.
class Ready {
 public:
  virtual ~Ready() = default;
  virtual void ready(std::uint32_t events) = 0;
};

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void add(int descriptor, std::uint32_t events, Ready& ready);
  void change(int descriptor, std::uint32_t events, Ready& ready);

  /// Until `done`, asked after each turn; `spin` never sleeps. False when `seconds` have passed.
  bool run(const std::function<bool()>& done, double seconds, bool spin = false);

 private:
  void control(int operation, int descriptor, std::uint32_t events, Ready& ready) const;
  int epoll_;
};

/// To this host's `port`, without waiting for the connection.
int connect_to(std::uint16_t port);

/// All of `bytes`, or how much of it the kernel took; -1 when the connection has gone.
long send_some(int descriptor, std::string_view bytes);

[[noreturn]] void fail(std::string_view what);

}  // namespace storm
