// From a publish over HTTP to the frame that a member gets.

#include "catalog/catalog.hpp"
#include "http/parser.hpp"
#include "sockets/fanout.hpp"
#include "websocket/frame.hpp"

#include <array>
#include <benchmark/benchmark.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace crier;

constexpr std::string_view body =
    R"({"event":"request:updated","requestId":"r1","data":{"text":"xxxxxxxxxxxxxxxxxxxx"},)"
    R"("performedBy":{"userId":"bench","name":"Bench"}})";

const std::string request =
    "POST /api/v1/programs/alpha/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\n"
    "Content-Type: application/json\r\nContent-Length: " +
    std::to_string(body.size()) + "\r\n\r\n" + std::string(body);

void parse_publish(benchmark::State& state) {
  http::Parser parser{{}};
  for (auto _ : state) {
    std::string_view input = request;
    if (parser.receive(input) != http::Progress::head) state.SkipWithError("no head");
    if (parser.receive(input) != http::Progress::complete) state.SkipWithError("no body");
    benchmark::DoNotOptimize(parser.request());
    parser.reset();
  }
}
BENCHMARK(parse_publish);

void check_publish(benchmark::State& state) {
  const auto catalog = catalog::Catalog::built_in();
  for (auto _ : state) benchmark::DoNotOptimize(catalog.check("alpha", body));
}
BENCHMARK(check_publish);

void encode_event(benchmark::State& state) {
  const auto checked = catalog::Catalog::built_in().check("alpha", body);
  for (auto _ : state) {
    const auto arguments = catalog::event_arguments(checked->body.view(), 1'795'505'340'123,
                                                    "AbCdEfGh.1795505340123000");
    benchmark::DoNotOptimize(sockets::encode_event("/", arguments));
  }
}
BENCHMARK(encode_event);

void encode_frame(benchmark::State& state) {
  const std::string message(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    benchmark::DoNotOptimize(websocket::frame(websocket::Opcode::text, message));
  }
}
BENCHMARK(encode_frame)->Arg(250)->Arg(4096);

/// A room whose members are the near ends of socket pairs.
class Pairs {
 public:
  explicit Pairs(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      std::array<int, 2> ends{};
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return;
      }
      far_.push_back(ends[1]);
      const auto slot = static_cast<socketio::Slot>(i);
      rooms_.set_route({.slot = slot, .descriptor = ends[0]});
      rooms_.join(slot, "room");
    }
  }
  ~Pairs() {
    if (members() == nullptr) return;
    for (const auto& route : members()->direct) ::close(route.descriptor);
    for (const int end : far_) ::close(end);
  }
  Pairs(const Pairs&) = delete;
  Pairs& operator=(const Pairs&) = delete;

  [[nodiscard]] std::size_t size() const { return far_.size(); }
  [[nodiscard]] const socketio::Members* members() const { return rooms_.find("room"); }
  void drain() {
    for (const int end : far_) {
      while (::recv(end, scratch_.data(), scratch_.size(), 0) > 0) {
      }
    }
  }

 private:
  socketio::Rooms rooms_;
  std::vector<int> far_;
  std::array<char, 64 * 1024> scratch_{};
};

/// The time is of one frame to one member.
void broadcast(benchmark::State& state) {
  Pairs pairs(static_cast<std::size_t>(state.range(0)));
  if (pairs.size() < static_cast<std::size_t>(state.range(0))) {
    state.SkipWithError("too few descriptors: ulimit -n");
    return;
  }
  const auto event = sockets::encode_event("/", "[\"" + std::string(245, 'x') + "\"]");
  std::size_t unread = 0;
  std::size_t sent = 0;
  for (auto _ : state) {
    sent += pairs.size() - sockets::fan_out(*pairs.members(), {&event, 1}, nullptr).size();
    if (++unread < 64) continue;
    state.PauseTiming();
    pairs.drain();
    unread = 0;
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(sent));
}
BENCHMARK(broadcast)->Arg(100)->Arg(1000)->Arg(5000);

}  // namespace
