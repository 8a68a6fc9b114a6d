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
      options_(options),
      random_(Random::seeded(world.dice().fork("node", host.index).next())),
      worker_(worker_options(options), log_to(world, host)),
      sockets_(worker_, client_options_, random_),
      engine_(worker_, server::session_options(options), options.fragments_max, sockets_, random_),
      memberships_(parts.memberships(worker_.loop())),
      history_(parts.history(worker_.loop())),
      verifier_({{std::string(jwt_secret), {access::Algorithm::hs256}, {}}}, {}),
      seal_(jwt_secret),
      delivery_({worker_, engine_, sockets_, *history_},
                feed_options(options, parts.check_interval)),
      programs_({worker_, engine_, sockets_, *memberships_, *history_, delivery_, verifier_, seal_,
                 parts.wall_clock},
                {options.admission_deadline, std::chrono::milliseconds(250),
                 options.replay_timestamp_max}),
      publisher_({worker_, *history_, delivery_, catalog_, random_, parts.wall_clock},
                 options.outage_policy, options.backlog_bytes_max),
      shutdown_(worker_, {&engine_}, [this] { return publisher_.idle(); },
                {500, std::chrono::milliseconds(10), std::chrono::seconds(5)}) {
  sockets_.attach(engine_, programs_);
  worker_.route(options_.path, engine_);
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
  for (const server::Key key : sockets_.all("/")) ids.emplace_back(sockets_.id(key));
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
