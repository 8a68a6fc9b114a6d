#pragma once

// For the tests of net/: real sockets on the loopback interface, without sleeps.

#include "net/listener.hpp"

#include <chrono>
#include <fstream>
#include <optional>

namespace crier::net {

/// Runs `loop` until `condition` holds at the end of a turn; false if it does not within 20 s.
template <class Condition>
bool run_until(Loop& loop, Condition condition) {
  bool held = condition();
  if (held) return true;
  Timer stop(loop, [&] { loop.stop(); });
  stop.arm(loop.now() + std::chrono::seconds(20));
  loop.on_turn_end([&] {
    held = condition();
    if (held) loop.stop();
  });
  loop.run();
  loop.on_turn_end({});
  return held;
}

/// Runs everything that is ready now.
inline void run_ready(Loop& loop) {
  bool done = false;
  loop.post([&] { loop.post([&] { loop.post([&] { done = true; }); }); });
  run_until(loop, [&] { return done; });
}

/// Whether the kernel has an IPv6 address, checked without Crier's own code.
inline bool machine_has_ipv6() {
  std::ifstream addresses("/proc/net/if_inet6");
  return addresses.peek() != std::ifstream::traits_type::eof();
}

/// Two ends of one connection.
struct Ends {
  std::optional<Stream> accepted;
  std::optional<Stream> connected;
};

/// The two ends of a new connection over `address`; empty where that failed.
inline Ends connect(Loop& loop, const std::string& address = "127.0.0.1") {
  Ends ends;
  auto listener = Listener::open(loop, {address, 0},
                                 [&](Stream stream) { ends.accepted.emplace(std::move(stream)); });
  if (!listener) return ends;
  bool done = false;
  Connecting connecting(loop, address, (*listener)->port(), std::chrono::seconds(10),
                        [&](Result<Stream, std::string> result) {
                          done = true;
                          if (result) ends.connected.emplace(std::move(result).value());
                        });
  run_until(loop, [&] { return done && (!ends.connected || ends.accepted); });
  return ends;
}

/// Counts a stream's notifications, and runs further actions if set.
struct Recorder final : StreamUser {
  void on_readable() override {
    ++readable;
    if (when_readable) when_readable();
  }
  void on_writable() override {
    ++writable;
    if (when_writable) when_writable();
  }

  int readable = 0;
  int writable = 0;
  std::function<void()> when_readable;
  std::function<void()> when_writable;
};

}  // namespace crier::net
