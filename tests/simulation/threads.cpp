// Threads that stand still while the others of their process go on, and clients that come and go
// meanwhile.

#include "cluster.hpp"

#include <algorithm>

namespace crier::simulation {

using std::chrono::milliseconds;

namespace {

/// So long a home stands still: less than what its connections may be silent for.
constexpr Duration home_still = milliseconds(1'850);
/// So long all clients come to one node.
constexpr Duration gathers_for = milliseconds(2'500);

}  // namespace

void Cluster::hit_threads(FaultKind kind, Dice& dice) {
  Running* running = pick(dice);
  if (running == nullptr || plan_.options.server.workers == 1) return;
  if (kind == FaultKind::still_worker) return claim_unheard(*running, dice);
  want_again(*running, dice);
}

/// Workers come first, then their home.
void Cluster::stand_still(const Running& running, std::size_t thread, Duration time) {
  world_.trace(running.host->name, "thread " + std::to_string(thread) + " stands still");
  TimePoint& until = running.host->threads[thread];
  until = std::max(until, world_.now() + time);
  store_trouble_ = std::max(store_trouble_, until);
}

const Cluster::Running* Cluster::other_than(const Running& running) const {
  const auto other =
      std::ranges::find_if(nodes_, [&](auto& node) { return node.get() != &running; });
  return other == nodes_.end() ? nullptr : other->get();
}

void Cluster::publish_after(const std::string& program, std::int64_t after_ms) {
  world_.after(milliseconds(after_ms), [this, program] { publish(program); });
}

void Cluster::cut_all(Cut how, const Host* host) {
  for (const auto& wire : world_.network().open_wires()) {
    if (host == nullptr || wire->host == host) wire->cut(how);
  }
}

/// Clients change networks, and claim their pids elsewhere while the workers that still have them
/// are behind. What is published meanwhile is little, or it would show that they take nothing.
void Cluster::claim_unheard(Running& running, Dice& dice) {
  const Duration time = milliseconds(dice.between(1'700, 3'500));
  if (const Running* other = other_than(running)) {
    for (std::size_t w = 0; w < plan_.options.server.workers; ++w) stand_still(running, w, time);
    send_guests(other->node->port(), time);
  } else {
    stand_still(running, dice.below(plan_.options.server.workers), time);
  }
  cut_half(dice);
  for (std::size_t p = 0; p < plan_.programs; ++p) {
    for (int i = 0; i < 4; ++i) publish_after("p" + std::to_string(p), dice.between(1, 30));
  }
}

void Cluster::send_guests(std::uint16_t port, Duration time) {
  guests_port_ = port;
  guests_until_ = world_.now() + time;
}

/// One that says where it stands without claiming anything, for which the home would be asked.
Client* Cluster::pick_modest(Dice& dice) const {
  std::vector<Client*> modest;
  for (const auto& client : clients_) {
    const CursorKind kind = client->options().cursor;
    if (kind == CursorKind::event_id || kind == CursorKind::timestamp ||
        kind == CursorKind::iso_time) {
      modest.push_back(client.get());
    }
  }
  return modest.empty() ? nullptr : modest[dice.below(modest.size())];
}

/// All come to the node, and go elsewhere but for those who cannot have one of the programs. When
/// it is about to let go of that its home stands still, and somebody comes who wants it.
void Cluster::want_again(Running& running, Dice& dice) {
  const Running* other = other_than(running);
  Client* guest = pick_modest(dice);
  if (other == nullptr || guest == nullptr) return;
  const Running* still = &running;
  const std::string program = "p" + std::to_string(dice.below(plan_.programs));
  const auto wanted_at = gathers_for + plan_.options.history.ttl + milliseconds(600);
  for (std::size_t u = 0; u < plan_.users; ++u) members_.grant("u" + std::to_string(u), program);
  send_guests(running.node->port(), gathers_for);
  cut_all(Cut::reset, nullptr);
  world_.after(gathers_for, [this, still, other, guest, program] {
    part(*still, *other, guest->options().user, program);
  });
  world_.after(wanted_at - milliseconds(1'200), [this, still] { stand_behind(*still); });
  world_.after(wanted_at, [this, still, guest] {
    send_guests(still->node->port(), std::chrono::seconds(1));
    checker_.reloaded(*guest);
    guest->reload();
  });
  world_.after(wanted_at - milliseconds(650) + home_still, [this, still, other, program] {
    send_guests(other->node->port(), std::chrono::seconds(3));
    miss_before_subscribed(*still, program);
  });
}

/// The user alone has the program now, and goes to the other node; everybody else stays.
void Cluster::part(const Running& running, const Running& other, const std::string& user,
                   const std::string& program) {
  send_guests(other.node->port(), plan_.options.history.ttl + milliseconds(600));
  for (std::size_t u = 0; u < plan_.users; ++u) {
    const std::string without = "u" + std::to_string(u);
    if (without == user) continue;
    members_.revoke(without, program);
    world_.after(std::chrono::seconds(9),
                 [this, without, program] { members_.grant(without, program); });
  }
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    if (clients_[i]->options().user != user) stays_[i] = running.node->port();
  }
  world_.after(std::chrono::seconds(9), [this] { stays_.clear(); });
  cut_all(Cut::reset, nullptr);
}

/// All workers ask for what they compare, and fall behind; their home hears of both when it goes
/// on, at once with all that they want since.
void Cluster::stand_behind(const Running& running) {
  if (running.host->dead) return;
  for (std::size_t w = 0; w < plan_.options.server.workers; ++w) {
    stand_still(running, w, plan_.check_interval + milliseconds(60));
  }
  const std::int64_t late = plan_.check_interval.count();
  for (std::size_t p = 0; p < plan_.programs; ++p) {
    for (int i = 0; i < 4; ++i) publish_after("p" + std::to_string(p), late + dice_.between(1, 45));
  }
  world_.after(plan_.check_interval + milliseconds(55), [this, still = &running] {
    stand_still(*still, plan_.options.server.workers, home_still);
  });
}

/// An event goes out before the node is subscribed to its program, others' follow when it is, and
/// who has those goes elsewhere.
void Cluster::miss_before_subscribed(const Running& running, const std::string& program) {
  if (running.host->dead) return;
  running.link->subscribe_late(milliseconds(300), world_.now() + milliseconds(100));
  publish_after(program, 150);
  publish_others(program, 320, 350);
  world_.after(milliseconds(410), [this, host = running.host] { cut_all(Cut::reset, host); });
}

}  // namespace crier::simulation
