#include "bench.hpp"

#include "clock.hpp"
#include "process.hpp"

#include <algorithm>

namespace load {

std::string Bench::connect() {
  if (options.clients == 0) return "";
  Figures::Memory memory;
  memory.before = resident_bytes(options.servers);
  crowd.connect(figures);
  if (figures.connect->count == 0) return "no client could connect: " + errors.first();
  if (options.servers.empty()) return "";
  loop.wait(0.1);  // The server's own bookkeeping for the last of them.
  memory.connected = resident_bytes(options.servers);
  memory.per_connection =
      (static_cast<double>(memory.connected) - static_cast<double>(memory.before)) /
      static_cast<double>(figures.connect->count);
  figures.memory = memory;
  return "";
}

std::string Bench::hopeless() const {
  if (options.clients > 0 && crowd.listening() == 0)
    return "no client is connected any more: " + errors.first();
  return "no publish is accepted: " + errors.first();
}

std::string Bench::set_up_publishers(std::size_t connections) {
  std::string problem;
  const Publishers::Settings settings{options.publish_urls, options.publish_headers,
                                      options.publish_body, options.insecure, connections};
  return publishers.set_up(settings, problem) ? "" : problem;
}

Window::Window(Bench& bench)
    : bench_(bench),
      begin_(nanoseconds()),
      cpu_(cpu_nanoseconds(bench.options.servers)),
      idle_(bench.loop.idle()) {
  bench.watch.begin();
}

void Window::finish() {
  seconds_ = static_cast<double>(nanoseconds() - begin_) / 1e9;
  bench_.watch.end();
  cpu_seconds_ = static_cast<double>(cpu_nanoseconds(bench_.options.servers) - cpu_) / 1e9;
  bench_.figures.window_seconds = seconds_;
  bench_.figures.generator_idle = static_cast<double>(bench_.loop.idle() - idle_) / 1e9 / seconds_;
  if (!bench_.options.servers.empty()) bench_.figures.cpu_share = cpu_seconds_ / seconds_;
}

Count Window::count_of(std::uint64_t count, const Histogram& took) const {
  Count result;
  result.count = count;
  result.per_second = static_cast<double>(count) / seconds_;
  if (!bench_.options.servers.empty() && count > 0) {
    result.cpu_microseconds = cpu_seconds_ * 1e6 / static_cast<double>(count);
  }
  result.took = took;
  return result;
}

std::string run_idle(Bench& bench) {
  if (std::string problem = bench.connect(); !problem.empty()) return problem;
  bench.loop.wait(bench.options.warm_up);
  Window window(bench);
  bench.loop.wait(bench.options.seconds());
  window.finish();
  return "";
}

}  // namespace load
