#include "cluster.hpp"

#include "access/jwt.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace crier::simulation {

namespace {

/// How long a node may not know that it has lost something.
constexpr Duration knows_after = std::chrono::seconds(15);
constexpr Duration quiet_time =
    std::chrono::seconds(20);  // before the first publish, in some seeds

std::string name_of(std::string_view what, std::uint64_t number) {
  return std::string(what) + std::to_string(number);
}

}  // namespace

Cluster::Cluster(const Plan& plan, bool trace)
    : plan_(plan),
      world_(plan.seed),
      books_(world_, plan.options.history.ttl, [this](const std::string& what) { fail(what); }),
      store_(world_,
             {plan.options.history.ttl, plan.options.history.events_max,
              plan.options.history.bytes_max},
             &books_),
      members_(world_, [this] { return since(); }),
      checker_({world_, books_, members_, counts_, [this](const std::string& what) { fail(what); },
                [this] { return store_trouble_; }, [this] { return store_.clock(); }}),
      dice_(world_.dice().fork("cluster")),
      store_trouble_(world_.now()) {
  world_.print_trace(trace);
  world_.network().weather.latency_us_max = plan.latency_us_max;
}

Cluster::~Cluster() {
  clients_.clear();
  nodes_.clear();
  dead_.clear();
}

void Cluster::fail(const std::string& what) {
  if (violation_) return;
  world_.trace("checker", what);
  violation_ = what;
}

// Nodes.

void Cluster::start_node() {
  auto running = std::make_unique<Running>();
  Running& self = *running;
  const std::string name = name_of("node", next_host_++);
  self.host = &world_.add_host(name);
  Node::Parts parts;
  parts.memberships = [&](net::Loop& loop) {
    return std::make_unique<MemberLink>(loop, members_, name);
  };
  parts.history = [&](net::Loop& loop) {
    auto link = std::make_unique<StoreLink>(
        loop, store_, Random::seeded(world_.dice().fork("link random " + name).next()), name,
        Duration(plan_.bus_delay_us_max));
    self.link = link.get();
    return link;
  };
  parts.wall_clock = [this, &self] { return world_.wall_clock() + self.clock_step.count(); };
  parts.check_interval = plan_.check_interval;
  parts.owed = shelf_.record_of(*self.host);
  self.node = std::make_unique<Node>(world_, *self.host, plan_.options, std::move(parts));
  world_.trace(name, "starts");
  nodes_.push_back(std::move(running));
}

/// A process that dies says nothing more: what it would do when it is destroyed is not heard.
void Cluster::kill_node(std::size_t index, bool silent, Duration down) {
  std::unique_ptr<Running> victim = std::move(nodes_[index]);
  nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(index));
  world_.trace(victim->host->name, silent ? "vanishes" : "is killed");
  world_.network().kill(*victim->host, silent);
  store_.remove(*victim->link);
  // A node that lives on compares its tops with the store's, and marks what it has passed over.
  died_unaware(*victim);
  dead_.push_back(std::move(victim));
  counts_.add("nodes killed");
  world_.after(down, [this] { start_node(); });
}

/// It may not have known yet what it had not heard.
void Cluster::died_unaware(const Running& running) {
  for (const TimePoint lost_at : running.lost_at) {
    if (world_.now() - lost_at < knows_after) checker_.died_unaware(lost_at);
  }
}

/// The next event of the program does not get to the node.
void Cluster::lose(Running& running, const std::string& program) {
  running.link->lose_next(program, [this, &running] {
    running.lost_at.push_back(world_.now());
    checker_.lost_unheard();
  });
}

/// The load balancer knows at once; the process goes when its shutdown has had its time.
void Cluster::stop_node(std::size_t index) {
  std::unique_ptr<Running> victim = std::move(nodes_[index]);
  nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(index));
  Running* const stopping = victim.get();
  world_.trace(stopping->host->name, "shuts down");
  stopping->node->begin_stop();
  died_unaware(*stopping);
  dead_.push_back(std::move(victim));
  counts_.add("nodes shut down");
  start_node();
  world_.after(std::chrono::seconds(6), [this, stopping] {
    world_.trace(stopping->host->name, "has shut down");
    world_.network().kill(*stopping->host, false);
    store_.remove(*stopping->link);
  });
}

Cluster::Running* Cluster::pick(Dice& dice) {
  if (nodes_.empty()) return nullptr;
  return nodes_[dice.below(nodes_.size())].get();
}

/// A load balancer that knows what has gone, and has its favourites.
std::uint16_t Cluster::route(std::size_t client, Dice& dice) {
  if (world_.now() < away_until_) return 1;
  const auto listens = [this](std::uint16_t port) {
    return std::ranges::any_of(nodes_, [&](auto& node) { return node->node->port() == port; });
  };
  const auto stays = stays_.find(client);
  if (stays != stays_.end() && listens(stays->second)) return stays->second;
  if (world_.now() < guests_until_ && listens(guests_port_)) return guests_port_;
  const Running* running = pick(dice);
  return running == nullptr ? 1 : running->node->port();
}

/// Now, as whoever grants a membership knows it: from the history, exactly, or from a clock.
history::Gid Cluster::since() const {
  return plan_.exact_since ? store_.last() : static_cast<history::Gid>(world_.wall_clock());
}

// Load.

void Cluster::begin_load() {
  const bool has_quiet_program = world_.dice().fork("silence").one_in(8);
  for (std::size_t u = 0; u < plan_.users; ++u) {
    for (std::size_t p = 0; p < plan_.programs; ++p) {
      if (p == 0 || dice_.percent(70)) members_.grant(name_of("u", u), name_of("p", p));
    }
    if (has_quiet_program) members_.grant(name_of("u", u), quiet_program);
  }
  for (std::size_t i = 0; i < plan_.nodes; ++i) start_node();
  for (std::size_t i = 0; i < plan_.clients; ++i) {
    ClientOptions options;
    options.user = name_of("u", i % plan_.users);
    options.token = access::sign_hs256(jwt_secret, "{\"sub\":\"" + options.user + "\"}");
    options.transports = static_cast<Transports>(dice_.below(3));
    draw_cursor(i, options);
    auto dice = std::make_shared<Dice>(world_.dice().fork("route", i));
    clients_.push_back(std::make_unique<Client>(
        world_, name_of("client", i), options,
        [this, dice, i] {
          if (rushes_ > 0) rush(*dice);
          if (cut_admissions_ > 0) cut_admission(*dice);
          if (late_answers_ > 0 && clients_[i]->pid()) late_answers(*dice);
          return route(i, *dice);
        },
        checker_));
    world_.after(std::chrono::milliseconds(dice_.between(0, 4'000)),
                 [client = clients_.back().get()] { client->start(); });
  }
  loading_ = true;
  // A history in which there is no number yet may have its faults too.
  if (has_quiet_program) return world_.after(quiet_time, [this] { publish_later(); });
  publish_later();
}

void Cluster::draw_cursor(std::size_t client, ClientOptions& options) {
  Dice dice = world_.dice().fork("cursor", client);
  using enum CursorKind;
  constexpr std::array kinds = {none,     none,      none,    none,    event_id, event_id,
                                iso_time, timestamp, session, session, future,   unreadable};
  options.cursor = kinds[dice.below(kinds.size())];
  options.knows_pid = options.cursor != session && !dice.one_in(4);
  options.loses_pid = options.knows_pid && options.cursor == none;
  if (!options.loses_pid && (options.cursor != unreadable || dice.one_in(2))) return;
  options.other_user = [this, user = options.user]() -> const Client* {
    for (const auto& other : clients_) {
      const bool has_own_pid = other->pid() && !other->has_lost_pid();
      if (other->options().user != user && has_own_pid) return other.get();
    }
    return nullptr;
  };
}

void Cluster::publish_later() {
  const std::int64_t most = 2 * plan_.publish_every_ms;
  world_.after(std::chrono::milliseconds(dice_.between(0, dice_.one_in(3) ? 2 : most)), [this] {
    if (!loading_) return;
    publish(name_of("p", dice_.below(plan_.programs)));
    publish_later();
  });
}

void Cluster::publish(const std::string& program, std::size_t longer) {
  auto publishing = std::make_shared<Publishing>();
  publishing->event = next_event_++;
  publishing->program = program;
  publishing->token = name_of("t", publishing->event);
  // While its token is remembered, however late an attempt is stored.
  const Duration late = std::chrono::seconds(6);
  publishing->give_up =
      world_.now() + std::clamp(Duration(plan_.options.history.ttl) - late, Duration(0), late);
  if (plan_.event_bytes_max != 0 && dice_.one_in(2)) {
    publishing->data = "\"long\":\"" + std::string(dice_.below(plan_.event_bytes_max), 'x') + "\"";
  }
  if (longer != 0) publishing->data = "\"long\":\"" + std::string(longer, 'x') + "\"";
  counts_.add("published");
  attempt(publishing);
}

void Cluster::attempt(const std::shared_ptr<Publishing>& publishing) {
  if (world_.now() > publishing->give_up) return counts_.add("publishes given up");
  Running* running = pick(dice_);
  if (running == nullptr) return retry(publishing, std::chrono::milliseconds(500));
  const std::string body = "{\"event\":\"request:updated\",\"requestId\":\"n" +
                           std::to_string(publishing->event) + "\",\"data\":{" + publishing->data +
                           "},\"performedBy\":{\"userId\":\"u\",\"name\":\"\"}}";
  const unsigned attempt = ++publishing->attempt;
  publishing->begun = world_.now();
  publishing->host = running->host;
  publishing->port = running->node->port();
  if (attempt > 1) checker_.repeated(publishing->event);
  running->node->publish(publishing->program, body, publishing->token,
                         [this, publishing, attempt](const Result<Position>& result) {
                           if (publishing->attempt == attempt) answered(publishing, result);
                         });
  world_.after(std::chrono::seconds(7), [this, publishing, attempt] {
    if (publishing->attempt == attempt) this->attempt(publishing);
  });
  // The process may die with it.
  world_.after(std::chrono::milliseconds(700), [this, publishing, attempt] {
    if (publishing->attempt == attempt && publishing->host->dead) this->attempt(publishing);
  });
}

void Cluster::retry(const std::shared_ptr<Publishing>& publishing, Duration delay) {
  world_.after(delay, [this, publishing, attempt = publishing->attempt] {
    if (publishing->attempt == attempt) this->attempt(publishing);
  });
}

void Cluster::answered(const std::shared_ptr<Publishing>& publishing,
                       const Result<Position>& result) {
  if (!result) {
    counts_.add("publishes refused: " + result.error().code);
    ++publishing->attempt;
    return retry(publishing, std::chrono::milliseconds(300));
  }
  if (result->recoverable) check_accepted(*publishing, *result);
  if (result->recoverable && answers_to_lose_ > 0) {
    --answers_to_lose_;
    counts_.add("publish answers lost");
    publishing->id = result->id;
    ++publishing->attempt;
    return retry(publishing, std::chrono::milliseconds(dice_.between(1, 900)));
  }
  publishing->attempt = 0;  // done: whatever comes now is late
  if (result->recoverable) return;
  counts_.add("publishes without a number");
  checker_.accepted_unnumbered(
      {publishing->event, publishing->program, publishing->begun, world_.now(), publishing->port});
}

/// What a publisher is told is in the history is there.
void Cluster::check_accepted(const Publishing& publishing, const Position& position) {
  const std::string what = "n" + std::to_string(publishing.event) + " of " + publishing.program;
  const auto id = history::parse_event_id(position.id);
  const auto entry = id ? books_.find(publishing.program, *id) : std::nullopt;
  if (!entry || books_.of(publishing.program)[*entry].event != publishing.event) {
    fail(what + " was accepted as " + position.id + ", and nothing of it is in the history");
  }
}

// A run.

Outcome Cluster::run(const std::set<std::size_t>& faults) {
  begin_load();
  for (const std::size_t index : faults) {
    const Fault& fault = plan_.faults[index];
    world_.after(std::chrono::milliseconds(fault.at_ms), [this, &fault] { hit(fault); });
  }
  const TimePoint calm = world_.now() + std::chrono::milliseconds(plan_.trouble_ms);
  const TimePoint end = calm + std::chrono::milliseconds(plan_.calm_ms);
  world_.at(calm, [this] { calm_down(); });
  for (TimePoint at = world_.now(); at < end; at += std::chrono::milliseconds(500)) {
    world_.at(at, [this] { check_owners(); });
  }
  // In the end each program has one more event, so that whoever has missed something can see it.
  world_.at(end - std::chrono::milliseconds(plan_.quiet_ms), [this] {
    loading_ = false;
    for (std::size_t p = 0; p < plan_.programs; ++p) publish(name_of("p", p));
  });
  while (!violation_ && world_.now() < end && world_.step()) {
  }
  // Who has just lost its connection may come back.
  const auto away = [this] {
    return std::ranges::any_of(clients_, [this](const auto& client) {
      return !client->is_connected() || checker_.awaits_verdicts(*client);
    });
  };
  while (!violation_ && away() && world_.now() < end + std::chrono::seconds(30) && world_.step()) {
  }
  if (!violation_) check_end();
  // Some clients cannot keep pace with what comes late and then at once.
  const bool slow =
      plan_.latency_us_max > 20'000 || plan_.event_bytes_max != 0 ||
      (plan_.bus_delay_us_max > 600 && plan_.options.engine.backlog_bytes_max < 65'536);
  if (!violation_ && faults.empty() && !slow && counts_.of["recovered"] != 0) {
    fail("a client came back, though nothing happened");
  }
  for (const auto& client : clients_) {
    counts_.add("polls repeated by browsers", client->repeated_polls());
    counts_.add("upgrades", client->upgrades());
  }
  counts_.add("gap markers", books_.markers());
  return {violation_, counts_, world_.hash()};
}

void Cluster::check_end() {
  for (const auto& client : clients_) checker_.check_whole(*client);
  checker_.check_unexplained();
}

/// Two sockets with one id: the one with the lower fence has to go, unless the store is in trouble.
void Cluster::check_owners() {
  std::map<std::string, int> sockets;
  for (const auto& running : nodes_) {
    for (const auto& sid : running->node->socket_ids()) ++sockets[sid];
  }
  std::map<std::string, TimePoint> shared;
  for (const auto& [sid, count] : sockets) {
    if (count < 2) continue;
    const auto known = shared_since_.find(sid);
    shared[sid] = known == shared_since_.end() ? world_.now() : known->second;
    // What nobody tells to go ends with its heartbeat.
    if (shared[sid] < claims_lost_) continue;
    const TimePoint since = std::max(shared[sid], store_trouble_);
    if (world_.now() - since > std::chrono::seconds(4)) fail("two sockets keep the id " + sid);
  }
  if (shared.size() > shared_since_.size()) counts_.add("socket ids taken over");
  shared_since_ = std::move(shared);
}

}  // namespace crier::simulation
