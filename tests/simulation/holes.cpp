// Events that one node does not hear, or not in time.

#include "cluster.hpp"

#include <algorithm>
#include <iterator>

namespace crier::simulation {

using std::chrono::milliseconds;

void Cluster::hit_holes(FaultKind kind, Dice& dice) {
  Running* running = pick(dice);
  if (running == nullptr || running->link->heard().empty()) return;
  const auto& heard = running->link->heard();
  const auto at = static_cast<std::ptrdiff_t>(dice.below(heard.size()));
  const std::string program = *std::next(heard.begin(), at);
  if (program == quiet_program) return;
  store_trouble_ = std::max(store_trouble_, world_.now() + std::chrono::seconds(2));
  if (kind == FaultKind::late_bus) return lose_late(*running, program, dice);
  if (kind == FaultKind::late_read) return read_late(*running, program, dice);
  if (kind == FaultKind::late_node) return hear_late(*running, dice);
  if (kind == FaultKind::unheard_end) return lose_end(*running, program, dice);
  evict_unheard(*running, program);
}

/// One event of each other program, in this time from now.
void Cluster::publish_others(const std::string& program, std::int64_t from_ms, std::int64_t to_ms) {
  for (std::size_t p = 0; p < plan_.programs; ++p) {
    const std::string other = "p" + std::to_string(p);
    if (other == program) continue;
    world_.after(milliseconds(dice_.between(from_ms, to_ms)), [this, other] { publish(other); });
  }
}

/// The hole shows at once. It is read before others' events have come that are older than the
/// answer to the probe.
void Cluster::lose_late(Running& running, const std::string& program, Dice& dice) {
  lose(running, program);
  running.link->hear_late(milliseconds(dice.between(5, 200)), std::chrono::seconds(1));
  for (int i = 0; i < 5; ++i) publish(program);
  for (int i = 0; i < 5; ++i) publish_others(program, 31, 250);
}

/// Nothing shows it but a look at the store, and others' events go out beyond it. Some clients come
/// to this node meanwhile, or all leave it for another and its subscriptions are lost.
void Cluster::lose_end(Running& running, const std::string& program, Dice& dice) {
  lose(running, program);
  publish(program);
  publish_others(program, 1, 40);
  if (dice.one_in(2)) return come_to(running, 50, dice);
  Running& other = *nodes_[dice.below(nodes_.size())];
  world_.after(milliseconds(50), [this, &running, port = other.node->port()] {
    guests_port_ = port;
    guests_until_ = world_.now() + std::chrono::seconds(4);
    for (const auto& wire : world_.network().open_wires()) {
      if (wire->host == running.host) wire->cut(Cut::reset);
    }
  });
  world_.after(milliseconds(dice.between(60, 400)),
               [link = running.link] { link->drop_subscriber(); });
}

/// Others' events go out beyond the one that is not heard, and when that shows it is not kept any
/// more.
void Cluster::evict_unheard(Running& running, const std::string& program) {
  lose(running, program);
  publish(program);
  publish_others(program, 31, 40);
  world_.after(milliseconds(72), [this, program, link = running.link] {
    if (!link->listens()) return;
    store_.evict_records(program);
    for (int i = 0; i < 3; ++i) publish(program);
  });
}

/// More of one program than is kept where few bytes are.
void Cluster::flood(const std::string& program) {
  if (world_.now() >= guests_until_) return;
  const std::size_t bytes = std::min<std::size_t>(plan_.options.history.bytes_max, 9'000);
  for (int i = 0; i < 12; ++i) {
    world_.after(milliseconds(dice_.between(0, 100)),
                 [this, program, bytes] { publish(program, bytes / 4); });
  }
}

/// Who lacks the first flood makes the node read all that is kept. The second is heard before that
/// comes, and who lacks only a little from before it comes then.
void Cluster::read_late(Running& running, const std::string& program, Dice& dice) {
  guests_port_ = running.node->port();
  guests_until_ = world_.now() + std::chrono::seconds(4);
  cut_half(dice);
  flood(program);
  world_.after(milliseconds(dice.between(250, 350)), [this, program, seed = dice.next()] {
    Dice later(seed);
    cut_half(later);
    for (int i = 0; i < 2; ++i) {
      world_.after(milliseconds(10 + 10 * i), [this, program] { publish(program); });
    }
  });
  running.link->read_late(milliseconds(dice.between(300, 1'500)), [this](const std::string& read) {
    if (read != quiet_program) flood(read);
  });
}

/// Clients that have events which this node is still to hear.
void Cluster::hear_late(Running& running, Dice& dice) {
  store_trouble_ = std::max(store_trouble_, world_.now() + std::chrono::seconds(9));
  running.link->hear_late(std::chrono::seconds(4), std::chrono::seconds(5));
  for (int i = 0; i < 25; ++i) {
    world_.after(milliseconds(100 * i), [this, program = dice.below(plan_.programs)] {
      publish("p" + std::to_string(program));
    });
  }
  come_to(running, 500, dice);
}

/// Clients are cut off, and come back to this node.
void Cluster::come_to(Running& running, std::int64_t after_ms, Dice& dice) {
  world_.after(milliseconds(after_ms), [this, port = running.node->port()] {
    guests_port_ = port;
    guests_until_ = world_.now() + std::chrono::seconds(4);
  });
  for (const std::int64_t at : {after_ms, after_ms + 1'000}) {
    world_.after(milliseconds(at), [this, seed = dice.next()] {
      Dice later(seed);
      cut_half(later);
    });
  }
}

void Cluster::cut_half(Dice& dice) {
  for (const auto& wire : world_.network().open_wires()) {
    if (dice.one_in(2)) wire->cut(Cut::roam);
  }
}

}  // namespace crier::simulation
