#include "node.hpp"

#include "base/assert.hpp"
#include "node/options.hpp"

#include <utility>

namespace crier::simulation {

namespace {

LogSink log_to(World& world, const Host& host) {
  return [&world, &host](LogLevel /*level*/, std::string_view message,
                         std::initializer_list<LogField> fields) {
    if (!world.printing()) return;
    std::string line(message);
    for (const auto& field : fields) line += " " + std::string(field.key) + "=" + field.value;
    world.print(host.name, line);
  };
}

GatewayOptions simulated(GatewayOptions options) {
  options.http.address = "127.0.0.1";
  options.http.port = 0;
  options.auth.secret = jwt_secret;
  options.engine.handshakes_per_second = 0;
  options.http.shutdown_timeout = std::chrono::seconds(5);
  return options;
}

gateway::FeedOptions feed_options(const GatewayOptions& options,
                                  std::chrono::milliseconds check_interval) {
  gateway::FeedOptions feed = node::feed_options(options);
  feed.check_interval = check_interval;
  feed.compares = true;  // the history is like Redis
  return feed;
}

/// Makes what a node builds next belong to its host.
World& enter(World& world, Host& host) {
  world.set_current(host);
  return world;
}

}  // namespace

Node::Node(World& world, Host& host, const GatewayOptions& options, Parts parts)
    : node_(simulated(options),
            {parts.memberships,
             parts.history,
             parts.wall_clock,
             [this, &dice = enter(world, host).dice(), index = host.index] {
               return Random::seeded(dice.fork("node", 64 * index + randoms_++).next());
             },
             feed_options(options, parts.check_interval),
             {},
             std::move(parts.owed)},
            log_to(world, host)) {
  CRIER_ASSERT(node_.listen().has_value());
}

}  // namespace crier::simulation
