#include "plan.hpp"

#include "checker.hpp"
#include "dice.hpp"

#include <algorithm>
#include <utility>

namespace crier::simulation {

namespace {

struct Kind {
  std::string_view name;
  std::uint64_t weight;  ///< How often among faults; 0: as another draws them.
};

constexpr std::array<Kind, fault_kinds> kinds = {{
    {"cut", 40},         {"slow_wire", 4},     {"sleep_page", 6},
    {"reload_page", 6},  {"kill_node", 4},     {"freeze_node", 4},
    {"node_clock", 2},   {"burst", 6},         {"snapshot", 3},
    {"restart", 1},      {"rollback", 2},      {"lose", 1},
    {"flush", 1},        {"evict_numbers", 1}, {"evict_records", 2},
    {"hang", 3},         {"store_clock", 2},   {"repeat", 3},
    {"cut_off", 5},      {"drop_commands", 5}, {"drop_subscriber", 5},
    {"lose_message", 3}, {"deafen", 5},        {"stop_node", 3},
    {"grant", 5},        {"revoke", 5},        {"regrant", 4},
    {"members_down", 2}, {"members_slow", 3},  {"lose_answer", 4},
    {"set_back", 2},     {"cut_admission", 8}, {"break_program", 2},
    {"rush", 3},         {"late_bus", 0},      {"evict_unheard", 0},
    {"unheard_end", 0},  {"late_read", 0},     {"late_node", 0},
    {"late_answers", 0}, {"absence", 0},       {"still_worker", 0},
    {"still_home", 0},   {"crowd", 0},
}};

/// What some runs suffer from beside all else; it moves none of that.
void add_seldom(Plan& plan) {
  Dice dice = Dice(plan.seed).fork("seldom");
  if (!dice.one_in(3)) return;
  for (std::uint64_t left = 1 + dice.below(3); left > 0; --left) {
    plan.faults.push_back(
        {dice.between(500, plan.trouble_ms), FaultKind::late_answers, dice.next()});
  }
}

/// Of some runs: nobody is there while memberships change. Moves nothing else.
void add_absences(Dice dice, Plan& plan) {
  if (!dice.one_in(6)) return;
  for (std::uint64_t left = 1 + dice.below(3); left > 0; --left) {
    plan.faults.push_back(
        {dice.between(4'000, plan.trouble_ms - 5'000), FaultKind::absence, dice.next()});
  }
}

/// Lets events share a millisecond in some runs, and changes nothing else of them.
void add_crowds(Dice dice, Plan& plan) {
  if (!dice.one_in(6)) return;
  for (std::uint64_t left = 1 + dice.below(3); left > 0; --left) {
    plan.faults.push_back({dice.between(5'000, plan.trouble_ms), FaultKind::crowd, dice.next()});
  }
}

/// No fault in this time.
void leave_out(Plan& plan, std::int64_t from_ms, std::int64_t to_ms) {
  std::erase_if(plan.faults,
                [&](const Fault& fault) { return fault.at_ms >= from_ms && fault.at_ms < to_ms; });
}

/// Of some runs with several workers: threads that stand still.
void draw_threads(Dice dice, Plan& plan) {
  if (plan.options.server.workers == 1 || dice.one_in(2)) return;
  const FaultKind kind = dice.one_in(2) ? FaultKind::still_worker : FaultKind::still_home;
  plan.options.server.worker_backlog_bytes_max = 1'000;
  if (kind == FaultKind::still_worker &&
      plan.options.engine.ping_interval < std::chrono::seconds(5)) {
    // Whose claim was not heard is there for long.
    plan.options.engine.ping_interval = plan.options.engine.ping_timeout = std::chrono::seconds(12);
    plan.calm_ms += 40'000;
  }
  if (kind == FaultKind::still_home) {
    // Soon let go of, and looked at often.
    plan.options.history.ttl = std::chrono::seconds(6);
    plan.check_interval = std::chrono::milliseconds(500);
    plan.nodes = std::max<std::size_t>(plan.nodes, 2);
    plan.options.server.workers = 2;  // who comes again gets to the same one often
    plan.users = std::max<std::size_t>(plan.users, 2);
    plan.programs = std::max<std::size_t>(plan.programs, 2);
    plan.latency_us_max = 20'000;
    plan.publish_every_ms = std::max<std::int64_t>(plan.publish_every_ms, 400);
  }
  for (std::uint64_t count = 1 + dice.below(3), i = 0; i < count; ++i) {
    const auto from = static_cast<std::int64_t>(4'000 + 12'000 * i);
    const Fault fault{dice.between(from, from + 1'500), kind, dice.next()};
    // One takes long, and hardly anything may come between.
    if (kind == FaultKind::still_home) leave_out(plan, fault.at_ms, fault.at_ms + 12'000);
    plan.faults.push_back(fault);
  }
}

FaultKind draw_kind(Dice& dice, const std::array<bool, fault_kinds>& allowed) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < kinds.size(); ++i) total += allowed[i] ? kinds[i].weight : 0;
  std::uint64_t at = dice.below(total);
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const std::uint64_t weight = allowed[i] ? kinds[i].weight : 0;
    if (at < weight) return static_cast<FaultKind>(i);
    at -= weight;
  }
  return FaultKind::cut;
}

/// A run suffers from some kinds of faults only, or every one would be the same mixture.
void draw_faults(Dice& dice, Plan& plan) {
  std::array<bool, fault_kinds> allowed{};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    allowed[i] = kinds[i].weight != 0 && dice.one_in(3);
  }
  allowed[static_cast<std::size_t>(FaultKind::cut)] = true;
  const std::uint64_t count = dice.one_in(20) ? 0 : 3 + dice.below(38);
  for (std::uint64_t i = 0; i < count; ++i) {
    plan.faults.push_back(
        {dice.between(500, plan.trouble_ms), draw_kind(dice, allowed), dice.next()});
  }
}

/// Of some runs: events that one node does not hear.
void draw_holes(Dice dice, Plan& plan) {
  if (dice.one_in(2)) return;
  const auto first = static_cast<std::uint64_t>(FaultKind::late_bus);
  const auto end = static_cast<std::uint64_t>(FaultKind::late_node) + 1;
  if (plan.event_bytes_max == 0 && dice.one_in(2)) {
    plan.options.history.bytes_max = static_cast<std::size_t>(dice.between(3'000, 9'000));
  }
  for (std::uint64_t left = 1 + dice.below(4); left > 0; --left) {
    const auto kind = static_cast<FaultKind>(first + dice.below(end - first));
    plan.faults.push_back({dice.between(3'000, plan.trouble_ms), kind, dice.next()});
  }
}

GatewayOptions draw_options(Dice& dice) {
  using std::chrono::milliseconds;
  GatewayOptions options;
  options.engine.ping_interval = milliseconds(dice.between(1'000, 4'000));
  options.engine.ping_timeout = milliseconds(dice.between(1'000, 4'000));
  if (dice.one_in(4)) {  // what has gone silent stays long
    options.engine.ping_interval = options.engine.ping_timeout = milliseconds(12'000);
  }
  options.engine.upgrade_timeout = milliseconds(3'000);
  options.http.keep_alive_timeout = milliseconds(dice.one_in(2) ? 4'000 : 75'000);
  options.store.deadline = milliseconds(dice.between(2'000, 5'000));
  options.history.ttl = milliseconds(dice.one_in(3) ? 12'000 : 120'000);
  options.history.events_max =
      static_cast<std::uint32_t>(dice.one_in(3) ? dice.between(3, 20) : 1'000);
  options.replay.timestamp_max = replay_timestamp_max;
  options.engine.backlog_bytes_max = static_cast<std::size_t>(dice.one_in(3) ? 4'096 : 65'536);
  options.history.outage_policy = dice.one_in(2) ? OutagePolicy::deliver : OutagePolicy::refuse;
  return options;
}

}  // namespace

std::string_view to_string(FaultKind kind) { return kinds[static_cast<std::size_t>(kind)].name; }

Plan plan(std::uint64_t seed) {
  Dice dice = Dice(seed).fork("plan");
  Plan plan;
  plan.seed = seed;
  plan.nodes = 1 + dice.below(3);
  plan.clients = 2 + dice.below(5);
  plan.users = 1 + dice.below(plan.clients);
  plan.programs = 1 + dice.below(4);
  plan.publish_every_ms = dice.between(60, 900);
  plan.latency_us_max = dice.one_in(3) ? 200'000 : 20'000;
  plan.bus_delay_us_max = dice.one_in(3) ? 400'000 : 600;
  plan.options = draw_options(dice);
  // Silence may be noticed twice in a row: by the heartbeat, and when it comes back.
  if (plan.options.engine.ping_interval > std::chrono::seconds(5)) plan.calm_ms = 90'000;
  // A window at a time takes that long a way: it is not to be published faster than it is read.
  if (plan.options.engine.backlog_bytes_max < 65'536 && plan.latency_us_max > 20'000) {
    plan.publish_every_ms = std::max<std::int64_t>(plan.publish_every_ms, 400);
  }
  Dice workers = Dice(seed).fork("workers");
  plan.options.server.workers = workers.one_in(3) ? 3 : 1;
  if (workers.one_in(2)) plan.options.server.worker_backlog_bytes_max = 1'000;  // soon behind
  Dice sizes = Dice(seed).fork("sizes");
  if (sizes.one_in(4)) {
    // A replay is soon longer than a backlog, and a window holds few events.
    plan.event_bytes_max = std::min<std::size_t>(plan.options.engine.backlog_bytes_max / 4, 6'000);
    // No more than the narrowest way to a client can take, and time to take what has waited.
    plan.publish_every_ms = std::max<std::int64_t>(plan.publish_every_ms, 500);
    plan.latency_us_max = 20'000;
    plan.calm_ms += 120'000;
    plan.quiet_ms = 60'000;
    if (sizes.one_in(2)) plan.options.history.bytes_max = 20 * plan.event_bytes_max;
  }
  plan.exact_since = Dice(seed).fork("since").one_in(2);
  plan.check_interval = std::chrono::milliseconds(dice.between(500, 5'000));
  draw_faults(dice, plan);
  draw_holes(Dice(seed).fork("holes"), plan);
  add_seldom(plan);
  add_absences(Dice(seed).fork("absences"), plan);
  draw_threads(Dice(seed).fork("threads"), plan);
  add_crowds(Dice(seed).fork("crowds"), plan);
  std::ranges::sort(plan.faults, {},
                    [](const Fault& fault) { return std::pair(fault.at_ms, fault.seed); });
  return plan;
}

}  // namespace crier::simulation
