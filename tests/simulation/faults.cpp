// What each kind of fault does to a run.

#include "cluster.hpp"

#include <algorithm>

namespace crier::simulation {

namespace {

Duration milliseconds_between(Dice& dice, std::int64_t least, std::int64_t most) {
  return std::chrono::milliseconds(dice.between(least, most));
}

}  // namespace

void Cluster::hit(const Fault& fault) {
  Dice dice(fault.seed);
  world_.trace("fault", to_string(fault.kind));
  counts_.add("fault " + std::string(to_string(fault.kind)));
  hit(fault.kind, dice);
}

void Cluster::hit(FaultKind kind, Dice& dice) {
  switch (kind) {
    case FaultKind::cut:
    case FaultKind::rush:
    case FaultKind::slow_wire:
    case FaultKind::sleep_page:
    case FaultKind::reload_page:
      return hit_network(kind, dice);
    case FaultKind::kill_node:
    case FaultKind::stop_node:
    case FaultKind::freeze_node:
    case FaultKind::node_clock:
      return hit_node(kind, dice);
    case FaultKind::burst:
      return publish_burst(dice);
    case FaultKind::cut_admission:
    case FaultKind::late_answers:
    case FaultKind::lose_answer:
      return hit_answers(kind, dice);
    case FaultKind::cut_off:
    case FaultKind::drop_commands:
    case FaultKind::drop_subscriber:
    case FaultKind::lose_message:
    case FaultKind::deafen:
      return hit_link(kind, dice);
    case FaultKind::late_bus:
    case FaultKind::evict_unheard:
    case FaultKind::unheard_end:
    case FaultKind::late_read:
    case FaultKind::late_node:
      return hit_holes(kind, dice);
    case FaultKind::absence:
      return hit_absence(dice);
    case FaultKind::crowd:
      return hit_crowd(dice);
    case FaultKind::still_worker:
    case FaultKind::still_home:
      return hit_threads(kind, dice);
    case FaultKind::grant:
    case FaultKind::revoke:
    case FaultKind::regrant:
    case FaultKind::members_down:
    case FaultKind::members_slow:
      return hit_members(kind, dice);
    default:
      return hit_store(kind, dice);
  }
}

void Cluster::publish_burst(Dice& dice) {
  const std::string program = "p" + std::to_string(dice.below(plan_.programs));
  const std::uint64_t count = 5 + dice.below(60);
  for (std::uint64_t i = 0; i < count; ++i) publish(program);
}

void Cluster::hit_answers(FaultKind kind, Dice& dice) {
  if (kind == FaultKind::cut_admission) {
    cut_admissions_ += 1 + dice.below(4);
  } else if (kind == FaultKind::late_answers) {
    late_answers_ += 1 + dice.below(3);
  } else {
    answers_to_lose_ += 1 + dice.below(5);
  }
}

void Cluster::hit_network(FaultKind kind, Dice& dice) {
  if (kind == FaultKind::sleep_page || kind == FaultKind::reload_page) {
    Client& client = *clients_[dice.below(clients_.size())];
    if (kind == FaultKind::sleep_page) {
      world_.trace(client.name(), "sleeps");
      return client.sleep(milliseconds_between(dice, 300, 20'000));
    }
    checker_.reloaded(client);
    return client.reload();
  }
  const auto wires = world_.network().open_wires();
  if (wires.empty()) return;
  const auto& wire = wires[dice.below(wires.size())];
  if (kind == FaultKind::slow_wire) return wire->slow_down(milliseconds_between(dice, 50, 2'000));
  if (kind == FaultKind::rush) {
    for (const auto& each : wires) {
      if (dice.one_in(2)) each->cut(Cut::roam);
    }
    rushes_ += 1 + dice.below(3);
    return;
  }
  const auto how = static_cast<Cut>(dice.below(4));
  counts_.add("drop points");
  switch (dice.below(4)) {
    case 0:
      return wire->cut(how);
    case 1:
      return wire->cut_after(1, dice.below(600), how);
    default:
      return wire->cut_after(0, dice.below(dice.one_in(2) ? 200 : 2'000), how);
  }
}

/// A client is about to connect: the claim of its pid gets to workers that have much to take.
void Cluster::rush(Dice& dice) {
  --rushes_;
  for (int i = 0; i < 20; ++i) {
    world_.after(milliseconds_between(dice, 0, 300), [this, program = dice.below(plan_.programs)] {
      for (int n = 0; n < 12; ++n) publish("p" + std::to_string(program));
    });
  }
}

/// Somewhere between the first packet of an admission and its last.
void Cluster::cut_admission(Dice& dice) {
  --cut_admissions_;
  const auto how = static_cast<Cut>(dice.below(4));
  const std::size_t bytes = dice.below(dice.one_in(2) ? 800 : 4'000);
  world_.after(milliseconds_between(dice, 1, 300), [this, how, bytes] {
    const auto wires = world_.network().open_wires();
    if (!wires.empty()) wires.back()->cut_after(0, bytes, how);
  });
}

/// A client is about to claim its pid: it changes networks at once, and claims it again before the
/// first claim, which its old session still waits for, is answered.
void Cluster::late_answers(Dice& dice) {
  --late_answers_;
  const TimePoint until = world_.now() + milliseconds_between(dice, 300, 1'000);
  store_trouble_ = std::max(store_trouble_, world_.now());
  for (const auto& running : nodes_) running->link->answer_late(until);
  const auto before = world_.network().open_wires();
  const std::uint64_t newest = before.empty() ? 0 : before.back()->number;
  world_.after(milliseconds_between(dice, 20, 400), [this, newest] {
    for (const auto& wire : world_.network().open_wires()) {
      if (wire->number > newest) wire->cut(Cut::roam);
    }
  });
}

void Cluster::hit_node(FaultKind kind, Dice& dice) {
  if (nodes_.empty()) return;
  const std::size_t index = dice.below(nodes_.size());
  Running& running = *nodes_[index];
  if (kind == FaultKind::kill_node) {
    return kill_node(index, dice.one_in(3), milliseconds_between(dice, 100, 8'000));
  }
  if (kind == FaultKind::stop_node) return stop_node(index);
  if (kind == FaultKind::freeze_node) {
    const Duration time = milliseconds_between(dice, 100, 7'000);
    world_.trace(running.host->name, "stands still");
    running.host->frozen_until = world_.now() + time;
    store_trouble_ = std::max(store_trouble_, world_.now() + time);
    return;
  }
  const std::int64_t most = dice.one_in(2) ? 60'000 : 90'000'000;  // a minute, or a day
  running.clock_step += milliseconds_between(dice, -most, most);
}

void Cluster::hit_store(FaultKind kind, Dice& dice) {
  const Duration down = milliseconds_between(dice, 0, dice.one_in(2) ? 200 : 9'000);
  if (kind != FaultKind::snapshot && kind != FaultKind::repeat) {
    store_trouble_ = std::max(store_trouble_, world_.now() + down);
  }
  if (kind == FaultKind::restart || kind == FaultKind::rollback || kind == FaultKind::lose ||
      kind == FaultKind::flush || kind == FaultKind::evict_numbers || kind == FaultKind::set_back) {
    books_.may_begin_epoch();
  }
  switch (kind) {
    case FaultKind::snapshot:
      return store_.snapshot();
    case FaultKind::restart:
      return store_.restart(StoreModel::Loss::nothing, down);
    case FaultKind::rollback:
      return store_.restart(StoreModel::Loss::since_snapshot, down);
    case FaultKind::set_back:
      claims_lost_ = world_.now();
      return store_.set_back();
    case FaultKind::lose:
      return store_.restart(StoreModel::Loss::everything, down);
    case FaultKind::flush:
      return store_.flush();
    case FaultKind::evict_numbers:
      return store_.evict_numbers();
    case FaultKind::evict_records:
      return store_.evict_records("p" + std::to_string(dice.below(plan_.programs)));
    case FaultKind::break_program: {
      const std::string program = "p" + std::to_string(dice.below(plan_.programs));
      books_.broken(program, world_.now() + down);
      return store_.break_program(program, down);
    }
    case FaultKind::hang:
      return store_.hang(down);
    case FaultKind::store_clock:
      return store_.step_clock(milliseconds_between(dice, -5'000, 5'000));
    case FaultKind::repeat:
      return store_.repeat_messages(1 + dice.below(20));
    default:
      return;
  }
}

/// The store's clock goes back: until it has caught up all events share a millisecond.
void Cluster::hit_crowd(Dice& dice) {
  store_.step_clock(milliseconds_between(dice, -5'000, -2'500));
  store_trouble_ = std::max(store_trouble_, world_.now());
  const std::string program = "p" + std::to_string(dice.below(plan_.programs));
  for (int i = 0; i < 30; ++i) {
    world_.after(milliseconds_between(dice, 0, 600), [this, program] { publish(program); });
  }
  for (const auto& client : clients_) {
    world_.after(milliseconds_between(dice, 100, 900), [this, client = client.get()] {
      checker_.reloaded(*client);
      client->reload();
    });
  }
}

void Cluster::hit_link(FaultKind kind, Dice& dice) {
  Running* running = pick(dice);
  if (running == nullptr) return;
  const Duration time = milliseconds_between(dice, 100, 9'000);
  store_trouble_ = std::max(store_trouble_, world_.now() + time);
  const std::string program = "p" + std::to_string(dice.below(plan_.programs));
  switch (kind) {
    case FaultKind::lose_message:
      lose(*running, program);
      // The next one shows the hole at once, before anything of another program comes.
      for (int i = 0; i < 5; ++i) publish(program);
      return;
    case FaultKind::cut_off:
      return running->link->cut(time, dice.one_in(3));
    case FaultKind::drop_commands:
      return running->link->drop_commands();
    case FaultKind::drop_subscriber:
      return running->link->drop_subscriber();
    default:
      return running->link->deafen(time);
  }
}

void Cluster::hit_members(FaultKind kind, Dice& dice) {
  const std::string user = "u" + std::to_string(dice.below(plan_.users));
  const std::string program = "p" + std::to_string(dice.below(plan_.programs));
  const TimePoint until = world_.now() + milliseconds_between(dice, 200, 9'000);
  if (kind == FaultKind::members_down) return members_.fail_until(until);
  if (kind == FaultKind::members_slow) return members_.slow_until(until);
  if (dice.one_in(2)) return change(kind, user, program, dice);
  // While those who came before are still being looked up.
  come_again(user, dice);
  const Duration delay = milliseconds_between(dice, 300, 1'500);
  members_.slow_until(world_.now() + delay + std::chrono::seconds(1));
  world_.after(delay, [this, kind, user, program, dice] { change(kind, user, program, dice); });
}

/// Of a membership; whoever heard of it elsewhere comes again to see.
void Cluster::change(FaultKind kind, const std::string& user, const std::string& program,
                     Dice dice) {
  if (kind != FaultKind::grant) members_.revoke(user, program);
  if (kind == FaultKind::grant) members_.grant(user, program);
  if (kind == FaultKind::regrant) {
    world_.after(milliseconds_between(dice, 0, 3'000),
                 [this, user, program] { members_.grant(user, program); });
  }
  come_again(user, dice);
}

void Cluster::come_again(const std::string& user, Dice& dice) {
  for (const auto& client : clients_) {
    if (client->options().user != user || dice.one_in(3)) continue;
    const Duration delay = milliseconds_between(dice, 0, 400);
    world_.after(delay, [this, client = client.get()] {
      checker_.reloaded(*client);
      client->reload();
    });
  }
}

/// Clients come back by their pids to other memberships than they left.
void Cluster::hit_absence(Dice& dice) {
  if (dice.one_in(4)) return interrupt_memberships(dice);
  const std::int64_t away_ms = dice.between(800, 4'000);
  away_until_ = world_.now() + std::chrono::milliseconds(away_ms);
  cut_all(dice.one_in(2) ? Cut::reset : Cut::roam, nullptr);
  const std::string program = "p" + std::to_string(dice.below(plan_.programs));
  for (std::size_t u = 0; u < plan_.users; ++u) {
    const std::string user = "u" + std::to_string(u);
    if (dice.one_in(4)) continue;
    world_.after(std::chrono::milliseconds(200),
                 [this, user, program] { members_.revoke(user, program); });
    world_.after(std::chrono::milliseconds(700),
                 [this, user, program] { members_.grant(user, program); });
  }
  for (int i = 0; i < 3; ++i) publish_after(program, dice.between(250, 750));
}

/// A program is away only while clients come back in vain: between events that all of them are
/// owed.
void Cluster::interrupt_memberships(Dice& dice) {
  cut_all(Cut::reset, nullptr);
  cut_admissions_ += clients_.size();
  const std::string program = "p" + std::to_string(dice.below(plan_.programs));
  const Duration back = milliseconds_between(dice, 800, 2'000);
  for (std::size_t u = 0; u < plan_.users; ++u) {
    const std::string user = "u" + std::to_string(u);
    world_.after(std::chrono::milliseconds(200),
                 [this, user, program] { members_.revoke(user, program); });
    world_.after(
        back, [this, user, program] { members_.grant(user, program, Members::Since::as_before); });
  }
  for (std::uint32_t p = 0; p < plan_.programs; ++p) {
    publish_after("p" + std::to_string(p), 50 + 20 * static_cast<std::int64_t>(p));
  }
}

/// No more faults, and nothing of them goes on.
void Cluster::calm_down() {
  world_.trace("fault", "no more");
  members_.fail_until(world_.now());
  members_.slow_until(world_.now());
  answers_to_lose_ = rushes_ = cut_admissions_ = late_answers_ = 0;
  guests_until_ = away_until_ = world_.now();
  stays_.clear();
  for (const auto& wire : world_.network().open_wires()) wire->spare();
}

}  // namespace crier::simulation
