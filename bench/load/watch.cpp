#include "watch.hpp"

#include "clock.hpp"
#include "process.hpp"

#include <algorithm>
#include <cstdio>

namespace load {

Watch::Watch(const Options& options, Loop& loop, Figures& figures,
             std::function<std::uint64_t()> events, std::function<std::uint64_t()> clients)
    : options_(options),
      figures_(figures),
      events_(std::move(events)),
      clients_(std::move(clients)),
      started_(nanoseconds()),
      told_(started_) {
  if (!options_.html.empty()) {
    const double interval = std::clamp(options_.seconds() / 50, 0.02, 1.0);
    loop.every(in_nanoseconds(interval), [this](std::int64_t now) { sample(now); });
  }
  if (!options_.progress) return;
  cpu_told_ = cpu_nanoseconds(options_.servers);
  loop.every(in_nanoseconds(1), [this](std::int64_t now) { tell(now); });
}

void Watch::begin() {
  begin_ = nanoseconds();
  events_at_begin_ = events_told_ = events_();
  cpu_at_begin_ = cpu_nanoseconds(options_.servers);
  if (!options_.html.empty()) sample(begin_);
}

void Watch::end() {
  if (!options_.html.empty()) sample(nanoseconds());
  begin_ = 0;
}

void Watch::sample(std::int64_t now) {
  if (begin_ == 0) return;
  Sample sample;
  sample.seconds = static_cast<double>(now - begin_) / 1e9;
  sample.events = events_() - events_at_begin_;
  sample.cpu_seconds = static_cast<double>(cpu_nanoseconds(options_.servers) - cpu_at_begin_) / 1e9;
  sample.resident = resident_bytes(options_.servers);
  figures_.samples.push_back(sample);
}

void Watch::tell(std::int64_t now) {
  const std::uint64_t events = events_();
  const std::int64_t cpu = cpu_nanoseconds(options_.servers);
  const double seconds = static_cast<double>(now - told_) / 1e9;
  // Figures begin again with the window.
  const std::uint64_t more = events >= events_told_ ? events - events_told_ : events;
  std::fprintf(stderr, "%5.1f s  %llu clients  %.0f events/s",
               static_cast<double>(now - started_) / 1e9,
               static_cast<unsigned long long>(clients_()), static_cast<double>(more) / seconds);
  if (!options_.servers.empty()) {
    std::fprintf(stderr, "  server %.0f %% of a core, %.1f MiB",
                 100 * static_cast<double>(cpu - cpu_told_) / 1e9 / seconds,
                 static_cast<double>(resident_bytes(options_.servers)) / 1048576);
  }
  std::fputc('\n', stderr);
  told_ = now;
  events_told_ = events;
  cpu_told_ = cpu;
}

}  // namespace load
