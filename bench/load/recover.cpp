#include "churn.hpp"
#include "clock.hpp"

#include <algorithm>

namespace load {

namespace {

constexpr double silence = 0.5;  ///< Seconds after which nothing more is thought to come.
constexpr double patience = 60;  ///< Seconds for all of it.
constexpr std::size_t connections_least = 16;

/// Publishes to each URL `times`, and waits for the answers and until nothing arrives any more.
std::string publish_to_all(Bench& bench, std::uint64_t times) {
  Publishers& publishers = bench.publishers;
  const std::uint64_t wanted = times * publishers.urls();
  const std::uint64_t before = publishers.accepted;
  const std::int64_t end = nanoseconds() + in_nanoseconds(patience);
  std::uint64_t posted = 0;
  std::int64_t stamp = 0;
  std::int64_t last = 0;
  std::uint64_t seen = 0;
  bench.loop.run([&](std::int64_t now) {
    while (posted < wanted && publishers.ready() && publishers.refused == 0) {
      stamp = std::max(now, stamp + 1);
      publishers.post(now, stamp);
      ++posted;
      last = now;
    }
    if (std::exchange(seen, bench.deliveries.count) != seen) last = now;
    const bool quiet = publishers.under_way() == 0 && now - last > in_nanoseconds(silence);
    return quiet || now >= end ? Loop::done : now + in_nanoseconds(silence / 8);
  });
  return publishers.accepted - before == wanted ? "" : bench.hopeless();
}

/// Everybody hears one event of each URL whose events it gets: its first cursor, and how much it
/// will be owed.
std::string learn(Bench& bench) {
  for (const auto& client : bench.crowd.clients()) client->events = 0;
  if (std::string problem = publish_to_all(bench, 1); !problem.empty()) return problem;
  std::uint64_t deaf = 0;
  for (const auto& client : bench.crowd.clients()) {
    client->owed = client->events * bench.options.missed;
    deaf += client->joined() && client->owed == 0 ? 1 : 0;
  }
  bench.errors.add_if(deaf, "clients that no --publish reaches");
  return deaf == bench.crowd.clients().size() ? "nobody gets what is published" : "";
}

}  // namespace

std::string run_recover(Bench& bench) {
  const Options& options = bench.options;
  const std::size_t connections = std::max(options.publishers, connections_least);
  if (std::string problem = bench.set_up_publishers(connections); !problem.empty()) return problem;
  Shared& shared = bench.crowd.shared();
  shared.keep_cursors = true;
  if (std::string problem = bench.connect(); !problem.empty()) return problem;
  if (std::string problem = learn(bench); !problem.empty()) return problem;
  bench.crowd.cut();
  bench.loop.wait(1);  // The server sees that they have gone.
  if (std::string problem = publish_to_all(bench, options.missed); !problem.empty()) return problem;
  // One that comes back again is owed the same again.
  shared.move_cursors = false;
  Churn churn(bench, [](const Client& client) {
    // Without its session it is owed nothing.
    return !client.recovered() || client.events >= client.owed;
  });
  bool ran = true;
  if (options.duration) {
    ran = churn.go_on(options.warm_up);
    churn.clear();
  }
  Window window(bench);
  if (options.duration) {
    ran = ran && churn.go_on(options.seconds());
  } else {
    churn.once();
  }
  window.finish();
  bench.crowd.cut();
  bench.figures.recoveries = window.count_of(churn.completed, churn.took);
  bench.figures.not_recovered = churn.completed - churn.recovered + churn.failed;
  return ran ? "" : "nobody comes back: " + bench.errors.first();
}

}  // namespace load
