// Builds, starts and stops a gateway process: the workers and the home loop.

#include "node/node.hpp"

#include "base/json_text.hpp"
#include "node/front.hpp"
#include "node/history_link.hpp"
#include "node/metrics.hpp"
#include "node/options.hpp"
#include "node/publish_api.hpp"
#include "sockets/shutdown.hpp"
#include "web/routes.hpp"

#include <algorithm>
#include <csignal>
#include <iterator>
#include <mutex>
#include <pthread.h>
#include <sched.h>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>

namespace crier::node {

namespace {

constexpr std::size_t workers_max = 64;
constexpr std::size_t named_max = 10;

thread_local const Node* current = nullptr;

/// The first of `programs`, as JSON strings.
std::string quoted(const std::vector<std::string>& programs) {
  std::string names;
  for (const std::string& program : programs) {
    if (!names.empty()) names += ",";
    names += json::quote(program);
  }
  return names;
}

/// How many programs there are, and the first of them by name.
std::string counted(std::size_t count, const std::vector<std::string>& first,
                    std::string_view more = {}) {
  std::string text =
      "{\"count\":" + std::to_string(count) + ",\"programs\":[" + quoted(first) + "]";
  text += more;
  return text + "}";
}

/// The same of those that are owed a marker, and what may be wrong with their record.
std::string owed_text(const Owed& owed) {
  std::string more;
  if (!owed.is_kept()) more += ",\"kept\":false";
  if (owed.is_unsure()) more += ",\"unreadable\":true";
  return counted(owed.count(), owed.names(named_max), more);
}

std::vector<std::unique_ptr<web::Worker>> make_workers(const GatewayOptions& options,
                                                       std::shared_ptr<const net::TlsServer> tls,
                                                       const LogSink& log) {
  std::vector<std::unique_ptr<web::Worker>> workers;
  web::WorkerOptions each = worker_options(options);
  each.tls = std::move(tls);
  for (std::size_t left = worker_count(options); left > 0; --left) {
    workers.push_back(std::make_unique<web::Worker>(each, log));
  }
  return workers;
}

std::unique_ptr<web::Worker> make_home(const GatewayOptions& options, std::size_t workers,
                                       const LogSink& log) {
  return workers == 1 ? nullptr : std::make_unique<web::Worker>(worker_options(options), log);
}

/// A thread that leaves the process's signals to others.
class QuietThread {
 public:
  QuietThread(const std::string& name, std::function<void()> task) {
    const SignalsBlocked blocked;
    thread_ = std::thread(std::move(task));
    pthread_setname_np(thread_.native_handle(), name.c_str());
  }
  void join() { thread_.join(); }

 private:
  class SignalsBlocked {
   public:
    SignalsBlocked() {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

   private:
    sigset_t before_{};
  };
  std::thread thread_;
};

}  // namespace

std::size_t worker_count(const GatewayOptions& options) {
  if (options.server.workers != 0) return options.server.workers;
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  return std::clamp<std::size_t>(static_cast<std::size_t>(CPU_COUNT(&cores)), 1, workers_max);
}

/// What runs on one worker.
struct Node::Lane {
  Lane(Node& node, web::Worker& on, std::size_t count)
      : worker(on),
        door(std::make_shared<net::Door>(on.loop())),
        link(node.history_hub_ ? std::make_unique<HistoryLink>(*node.history_hub_, on) : nullptr),
        front(node.options_, node.parts_.feed,
              {on, history(node),
               [&node](const std::string& program) { node.mark_gap_from_lane(program); },
               node.parts_.memberships(on.loop()), node.verifier_, node.seal_, node.owed_,
               node.parts_.wall_clock, node.parts_.random()}),
        api(
            on,
            [this, &node](std::string program, std::string body, std::string token,
                          Publisher::Done done) {
              node.publish_from(*this, std::move(program), std::move(body), std::move(token),
                                std::move(done));
            },
            node.options_.api.key, node.options_.api.body_bytes_max),
        routes(on, door),
        shutdown(
            on, {&front.sessions()}, [this, &node] { return idle(node); },
            {500 / count + 1, std::chrono::milliseconds(10), node.options_.http.shutdown_timeout},
            [&node] { return !node.owed_.any(); }) {}

  [[nodiscard]] history::HistoryView& history(Node& node) {
    if (link) return *link;
    return *node.history_;
  }
  /// Whether all that was accepted anywhere has been handed to the members here.
  [[nodiscard]] bool idle(const Node& node) {
    if (node.under_way_.load(std::memory_order_acquire) > 0) return false;
    if (link && !link->idle()) return false;
    return unnumbered.load(std::memory_order_acquire) == 0 && front.delivery().idle();
  }

  void count(Metrics& metrics) const {
    metrics.connections += worker.counters();
    metrics.sessions += front.sessions().counters();
    metrics.gateway += front.delivery().counters();
    metrics.gateway += front.admissions().counters();
    metrics.gateway += api.counters();
  }

  web::Worker& worker;
  std::shared_ptr<net::Door> door;
  std::unique_ptr<HistoryLink> link;  ///< With several workers.
  Front front;
  PublishApi api;
  web::Routes routes;
  sockets::Shutdown shutdown;
  std::atomic<std::size_t> unnumbered = 0;  ///< Events that were posted and have not arrived.
};

Node::Node(const GatewayOptions& options, Parts parts, const LogSink& log)
    : options_(options),
      parts_(std::move(parts)),
      verifier_(key_options(options), token_options(options)),
      seal_(options.auth.secret),
      random_(parts_.random()),
      workers_(make_workers(options, parts_.tls, log)),
      home_of_its_own_(make_home(options, workers_.size(), log)),
      home_(home_of_its_own_ ? *home_of_its_own_ : *workers_.front()),
      home_door_(std::make_shared<net::Door>(home_.loop())),
      history_(parts_.history(home_.loop())),
      owed_(std::move(parts_.owed)),
      publisher_({home_, *history_, owed_, catalog_, random_, parts_.wall_clock,
                  [this](const std::string& program, const Bytes& body) {
                    deliver_unnumbered(program, body);
                  }},
                 publisher_options(options)),
      opening_(
          home_, [this] { return history_->available(); },
          [this] {
            for (const auto& lane : lanes_) {
              lane->door->post([this, &worker = lane->worker] { open_port(worker); });
            }
          }) {
  history_->when_available([this] { publisher_.settle(); });
  totals_.limit_handshakes(options.engine.handshakes_per_second, options.engine.handshakes_burst,
                           home_.now());
  if (has_home()) history_hub_.emplace(home_, *history_, options.server.worker_backlog_bytes_max);
  home_.add_turn_user(opening_);  // after the hub, by which workers know what is there
  for (const auto& worker : workers_) siblings_.push_back(worker.get());
  for (std::size_t index = 0; index < workers_.size(); ++index) {
    workers_[index]->join(index, siblings_, totals_);
    lanes_.push_back(std::make_unique<Lane>(*this, *workers_[index], workers_.size()));
    connect(*lanes_.back());
  }
}

Node::~Node() {
  home_door_->close();
  for (const auto& lane : lanes_) lane->door->close();
}

void Node::connect(Lane& lane) {
  lane.worker.route(std::string(PublishApi::prefix), lane.api);
  add_operational_routes(lane);
}

// Publishing.

namespace {

Unexpected<Error> not_running() {
  return Unexpected{Error{503, "not_running", "The gateway does not run.", ""}};
}

}  // namespace

template <class Task>
bool Node::at_home(Task task) {
  if (has_home()) return home_door_->post(std::move(task));
  task();
  return true;
}

template <class Task>
void Node::at(Lane& lane, Task task) {
  if (has_home()) {
    lane.door->post(std::move(task));
  } else {
    task();
  }
}

void Node::publish(std::string program, std::string body, std::string token, Publisher::Done done) {
  ++under_way_;
  const auto finish = [this, done = std::move(done)](Result<Position> result) {
    done(std::move(result));
    --under_way_;
  };
  const bool posted = home_door_->post(
      [this, program = std::move(program), body = std::move(body), token = std::move(token),
       finish] { publisher_.publish(program, body, token, finish); });
  if (!posted) finish(not_running());
}

void Node::publish_from(Lane& lane, std::string program, std::string body, std::string token,
                        Publisher::Done done) {
  ++under_way_;
  const auto finish = [this, &lane, done = std::move(done)](Result<Position> result) {
    at(lane, [done, result = std::move(result)] { done(result); });
    --under_way_;
  };
  const bool runs =
      at_home([this, program = std::move(program), body = std::move(body), token = std::move(token),
               finish]() mutable { publisher_.publish(program, body, std::move(token), finish); });
  if (!runs) finish(not_running());
}

void Node::mark_gap(std::string program) {
  owed_.owe(program);  // before those who are closed for it come back
  home_door_->post([this, program = std::move(program)] { publisher_.mark_gap(program); });
}

void Node::mark_gap_from_lane(const std::string& program) {
  owed_.owe(program);  // likewise
  at_home([this, program] { publisher_.mark_gap(program); });
}

void Node::deliver_unnumbered(const std::string& program, const Bytes& body) {
  for (const auto& each : lanes_) {
    Lane& lane = *each;
    ++lane.unnumbered;
    at(lane, [&lane, program, body] {
      lane.front.delivery().deliver_unnumbered(program, body.view());
      --lane.unnumbered;
    });
  }
}

// HTTP.

void Node::handle(std::string_view method, std::string_view path, const HttpHandler& handler) {
  // One for all: what it holds is its own, and it runs on one thread.
  const auto only = std::make_shared<const HttpHandler>(handler);
  const auto run = [only](const HttpRequest& request, const HttpReply& reply) {
    (*only)(request, reply);
  };
  for (const auto& lane : lanes_) {
    if (lane == lanes_.front()) {
      lane->routes.add(method, path, run);
      continue;
    }
    lane->routes.add(
        method, path,
        [first = lanes_.front().get(), run](const HttpRequest& request, const HttpReply& reply) {
          first->door->post(
              [first, run, request, reply] { web::call(first->worker, run, request, reply); });
        });
  }
}

/// What all loops say of themselves. The last to let go of it passes it on.
struct Node::Survey {
  explicit Survey(std::function<void(const Survey&)> with) : done(std::move(with)) {
    gauges.store_up = gauges.history_up = true;
  }
  ~Survey() { done(*this); }  // the last part is there, or its loop has ended
  Survey(const Survey&) = delete;
  Survey& operator=(const Survey&) = delete;

  std::mutex mutex;
  Metrics metrics;
  Gauges gauges;
  bool hears = true;
  std::string eviction;
  std::set<std::string> broken;
  std::function<void(const Survey&)> done;
};

void Node::survey(std::function<void(const Survey&)> done) {
  const auto all = std::make_shared<Survey>(std::move(done));
  for (const auto& each : lanes_) {
    each->door->post([this, &lane = *each, all] {
      const std::lock_guard lock(all->mutex);
      const history::HistoryView& history = lane.history(*this);
      Delivery& delivery = lane.front.delivery();
      lane.count(all->metrics);
      all->hears = all->hears && history.hears();
      all->eviction = history.health().eviction;
      all->broken.insert(delivery.feed().broken().begin(), delivery.feed().broken().end());
      Gauges& gauges = all->gauges;
      gauges.connections += lane.worker.connection_count();
      gauges.sessions += lane.front.sessions().session_count();
      gauges.sockets += lane.front.sockets().count();
      gauges.rooms += lane.front.sockets().room_count(sockets::main_namespace);
      gauges.replays += delivery.replays().count();
      gauges.replay_bytes += delivery.replays().bytes();
      gauges.store_up = gauges.store_up && lane.front.memberships().available();
      gauges.history_up = gauges.history_up && history.available();
      gauges.history_clock_offset = history.health().clock_offset;
    });
  }
  home_door_->post([this, all] {
    const std::lock_guard lock(all->mutex);
    all->metrics.gateway += publisher_.counters();
    all->gauges.unknown_outcomes = publisher_.unknown_outcomes();
    all->gauges.programs_owed = owed_.count();
  });
}

HttpResponse Node::ready(const Survey& survey, bool stopping) const {
  const Gauges& gauges = survey.gauges;
  const bool redis = !options_.redis.url.empty();
  const auto word = [](bool up) { return up ? "\"up\"" : "\"down\""; };
  const auto end =
      std::next(survey.broken.begin(),
                static_cast<std::ptrdiff_t>(std::min(survey.broken.size(), named_max)));
  std::string body = "{\"store\":";
  body += word(gauges.store_up);
  body += ",\"history\":";
  body += word(gauges.history_up);
  body += ",\"broker\":";
  body += redis ? word(survey.hears) : "\"none\"";
  body += ",\"owed\":" + owed_text(owed_);
  body += ",\"broken\":" + counted(survey.broken.size(), {survey.broken.begin(), end});
  if (!survey.eviction.empty()) body += ",\"eviction\":" + json::quote(survey.eviction);
  body += ",\"stopping\":";
  body += stopping ? "true}\n" : "false}\n";
  const bool ready = gauges.store_up && gauges.history_up && survey.hears && !stopping;
  return {ready ? 200 : 503, "application/json", std::move(body), {}};
}

void Node::add_operational_routes(Lane& lane) {
  lane.routes.add("GET", "/healthz", [](const HttpRequest&, const HttpReply& reply) {
    reply({200, "text/plain; charset=utf-8", "ok\n", {}});
  });
  lane.routes.add("GET", "/readyz", [this, &lane](const HttpRequest&, const HttpReply& reply) {
    const bool stopping = lane.shutdown.begun();
    survey([this, stopping, reply](const Survey& all) { reply(ready(all, stopping)); });
  });
  lane.routes.add("GET", "/metrics", [this](const HttpRequest&, const HttpReply& reply) {
    survey([reply](const Survey& all) {
      reply({200,
             "text/plain; version=0.0.4; charset=utf-8",
             exposition(all.metrics, all.gauges),
             {}});
    });
  });
}

// Running.

Result<void, std::string> Node::listen() {
  net::Address address{options_.http.address, options_.http.port};
  if (has_home()) address.sharing = net::Sharing::first;
  for (const auto& worker : workers_) {
    auto bound = worker->bind(address);
    if (!bound) return bound;
    address.port = worker->port();
    address.sharing = net::Sharing::joining;
  }
  if (history_->available() || options_.history.start_deadline.count() == 0) return open_ports();
  opening_.begin(options_.history.start_deadline);
  return {};
}

Result<void, std::string> Node::open_ports() {
  for (const auto& worker : workers_) {
    auto listening = worker->open_port();
    if (!listening) return listening;
  }
  return {};
}

/// On the worker's thread.
void Node::open_port(web::Worker& worker) {
  auto listening = worker.open_port();
  if (listening) return;
  {
    const std::lock_guard lock(problem_mutex_);
    problem_ = std::move(listening.error());
  }
  stop();
}

std::uint16_t Node::port() const { return workers_.front()->port(); }

std::vector<std::string> Node::socket_ids() const {
  std::vector<std::string> ids;
  for (const auto& lane : lanes_) {
    const sockets::Sockets& sockets = lane->front.sockets();
    for (const Key key : sockets.all(sockets::main_namespace)) ids.emplace_back(sockets.id(key));
  }
  return ids;
}

bool Node::is_current() const { return current == this; }

void Node::tell_what_is_missing() {
  Lane& lane = *lanes_.front();
  if (!lane.front.memberships().available()) {
    lane.worker.log(LogLevel::warning, "the membership store cannot be read: nobody can connect",
                    {{"path", options_.store.path}});
  }
  if (options_.api.key.empty()) {
    lane.worker.log(LogLevel::warning, "no API key is set: nobody can publish over HTTP");
  }
}

/// Whoever is told by the next process only, or, without a record, never.
void Node::tell_what_is_owed() {
  if (!owed_.any()) return;
  home_.log(LogLevel::warning, "programs are still owed a gap marker at the end",
            {{"count", std::to_string(owed_.count())},
             {"programs", quoted(owed_.names(named_max))},
             {"kept", owed_.place()}});
}

void Node::run_here(web::Worker& worker) {
  const Node* const outer = std::exchange(current, this);
  worker.run();
  current = outer;
}

void Node::run() {
  tell_what_is_missing();
  // The threads of the home, if there is one, and of all workers but the first.
  std::vector<QuietThread> threads;
  try {
    if (has_home()) threads.emplace_back("crier-home", [this] { run_here(home_); });
    for (std::size_t index = 1; index < workers_.size(); ++index) {
      threads.emplace_back("crier-" + std::to_string(index),
                           [this, index] { run_here(*workers_[index]); });
    }
  } catch (...) {
    for (const auto& worker : workers_) worker->stop();
    home_.stop();
    for (auto& thread : threads) thread.join();
    throw;
  }
  run_here(*workers_.front());
  for (std::size_t i = 1; i < threads.size(); ++i) threads[i].join();
  // Whoever waits for a publish that was posted too late gets its answer.
  home_door_->close();
  home_.loop().post([this] { home_.stop(); });
  if (has_home()) {
    threads.front().join();
  } else {
    run_here(home_);
  }
  tell_what_is_owed();
  if (!problem_.empty()) throw std::runtime_error(problem_);
}

void Node::stop() {
  home_door_->post([this] {
    publisher_.refuse_publishes();
    for (const auto& each : lanes_) {
      each->door->post([this, &lane = *each] { begin_stop(lane); });
    }
  });
}

void Node::begin_stop(Lane& lane) {
  lane.api.refuse_all();
  lane.shutdown.begin();
}

}  // namespace crier::node
