// What a client that does nothing keeps in memory, box by box.

#include "base/timer_wheel.hpp"
#include "engineio/session.hpp"
#include "socketio/client.hpp"
#include "socketio/rooms.hpp"
#include "websocket/frame.hpp"

#include <benchmark/benchmark.h>
#include <malloc.h>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace crier;

constexpr std::size_t count = 10'000;

/// Of the heap in use, a piece of `count` that `make` makes.
template <class Make>
void measure(benchmark::State& state, Make make) {
  using Made = decltype(make(std::size_t{0}));
  double bytes = 0;
  for (auto _ : state) {
    const std::size_t before = ::mallinfo2().uordblks;
    std::vector<Made> made;
    made.reserve(count);
    for (std::size_t i = 0; i < count; ++i) made.push_back(make(i));
    bytes = static_cast<double>(::mallinfo2().uordblks - before) / count;
  }
  state.counters["bytes"] = bytes;
}

void idle_session(benchmark::State& state) {
  const engineio::SessionOptions options;
  measure(state, [&](std::size_t) {
    auto session = std::make_unique<engineio::Session>(options, "AAAAAAAAAAAAAAAAAAAA");
    engineio::Outputs outputs;
    session->open_websocket(1, {}, outputs);
    return session;
  });
}
BENCHMARK(idle_session)->Iterations(1);

void idle_client(benchmark::State& state) {
  const socketio::ClientOptions options;
  measure(state, [&](std::size_t) {
    auto client = std::make_unique<socketio::Client>(options, TimePoint{});
    socketio::ClientOutputs outputs;
    client->receive_text("0", outputs);
    client->accept("/", "{}", outputs);
    return client;
  });
}
BENCHMARK(idle_client)->Iterations(1);

void idle_reader(benchmark::State& state) {
  const websocket::ReaderLimits limits;
  measure(state, [&](std::size_t) { return std::make_unique<websocket::Reader>(limits); });
}
BENCHMARK(idle_reader)->Iterations(1);

void idle_member_of_one_room(benchmark::State& state) {
  double bytes = 0;
  for (auto _ : state) {
    const std::size_t before = ::mallinfo2().uordblks;
    socketio::Rooms rooms;
    for (std::size_t i = 0; i < count; ++i) {
      const auto slot = static_cast<socketio::Slot>(i);
      rooms.set_route({.slot = slot, .descriptor = 1});
      rooms.join(slot, "program:p" + std::to_string(i % 100));
    }
    bytes = static_cast<double>(::mallinfo2().uordblks - before) / count;
  }
  state.counters["bytes"] = bytes;
}
BENCHMARK(idle_member_of_one_room)->Iterations(1);

void idle_timer(benchmark::State& state) {
  double bytes = 0;
  for (auto _ : state) {
    const std::size_t before = ::mallinfo2().uordblks;
    TimerWheel wheel(TimePoint{});
    for (std::size_t i = 0; i < count; ++i) {
      wheel.set(static_cast<TimerWheel::Slot>(i), TimePoint(std::chrono::seconds(25)));
    }
    bytes = static_cast<double>(::mallinfo2().uordblks - before) / count;
  }
  state.counters["bytes"] = bytes;
}
BENCHMARK(idle_timer)->Iterations(1);

}  // namespace
