#include "node.hpp"

#include "base/assert.hpp"
#include "server/options.hpp"

#include <utility>

namespace crier::simulation {

namespace {

server::WorkerOptions worker_options(const GatewayOptions& options) {
  server::WorkerOptions worker = server::worker_options(options);
  worker.endpoint = {"127.0.0.1", 0};
  return worker;
}

gateway::FeedOptions feed_options(const GatewayOptions& options,
                                  std::chrono::milliseconds check_interval) {
  gateway::FeedOptions feed = server::feed_options(options);
  feed.check_interval = check_interval;
  return feed;
}

/// Makes what a node builds next belong to its host.
Host& enter(World& world, Host& host) {
  world.set_current(host);
  return host;
}

LogSink log_to(World& world, const Host& host) {
  return [&world, &host](LogLevel /*level*/, std::string_view message,
                         std::initializer_list<LogField> fields) {
    if (!world.printing()) return;
    std::string line(message);
    for (const auto& field : fields) line += " " + std::string(field.key) + "=" + field.value;
    world.print(host.name, line);
  };
}

}  // namespace

Node::Node(World& world, Host& host, const GatewayOptions& options, const Parts& parts)
    : world_(world),
      host_(enter(world, host)),
      random_(Random::seeded(world.dice().fork("node", host.index).next())),
      worker_(worker_options(options), log_to(world, host)),
      history_(parts.history(worker_.loop())),
      verifier_({{std::string(jwt_secret), {access::Algorithm::hs256}, {}}}, {}),
      seal_(jwt_secret),
      front_(options, feed_options(options, parts.check_interval),
             {worker_, *history_, parts.memberships(worker_.loop()), verifier_, seal_,
              parts.wall_clock, Random::seeded(random_.number())}),
      publisher_({worker_, *history_, catalog_, random_, parts.wall_clock,
                  [this](const std::string& program, const server::Packet& packet) {
                    front_.delivery().deliver_unnumbered(program, packet);
                  }},
                 options.outage_policy, options.backlog_bytes_max),
      shutdown_(worker_, {&front_.engine()},
                [this] { return publisher_.idle() && front_.delivery().idle(); },
                {500, std::chrono::milliseconds(10), std::chrono::seconds(5)}) {
  front_.delivery().set_gap_user(
      [this](const std::string& program) { publisher_.mark_gap(program); });
  CRIER_ASSERT(worker_.listen().has_value());
}

Node::~Node() = default;

void Node::begin_stop() {
  worker_.loop().post([this] {
    worker_.update_now();
    publisher_.refuse_publishes();
    shutdown_.begin();
  });
}

std::vector<std::string> Node::socket_ids() const {
  std::vector<std::string> ids;
  for (const server::Key key : front_.sockets().all("/"))
    ids.emplace_back(front_.sockets().id(key));
  return ids;
}

void Node::publish(std::string program, std::string body, std::string token,
                   std::function<void(Result<Position>)> done) {
  worker_.loop().post([this, program = std::move(program), body = std::move(body),
                       token = std::move(token), done = std::move(done)]() mutable {
    worker_.update_now();
    publisher_.publish(program, body, std::move(token), std::move(done));
  });
}

}  // namespace crier::simulation
