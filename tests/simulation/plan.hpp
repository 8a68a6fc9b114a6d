#pragma once

// What a seed stands for: the size of a run, its load, and the faults that hit it.

#include "client.hpp"
#include "crier/gateway.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace crier::simulation {

enum class FaultKind : std::uint8_t {
  cut,            ///< One connection, now or after some bytes either way.
  slow_wire,      ///< One connection takes longer.
  sleep_page,     ///< A client reads nothing for a while.
  reload_page,    ///< A client starts again with what it stored.
  kill_node,      ///< A process is gone; another comes.
  freeze_node,    ///< A process stands still for a while.
  node_clock,     ///< A node's wall clock steps.
  burst,          ///< Many events at once.
  snapshot,       ///< What a later rollback goes back to.
  restart,        ///< The store restarts with its data.
  rollback,       ///< The store restarts with the snapshot's data.
  lose,           ///< The store restarts empty.
  flush,          ///< The store is emptied.
  evict_numbers,  ///< The store drops its numbers.
  evict_records,  ///< The store drops a program's events.
  hang,           ///< The store does not answer for a while.
  store_clock,    ///< The store's clock steps.
  repeat,         ///< Messages on the bus come twice.
  cut_off,        ///< One node cannot reach the store for a while.
  drop_commands,  ///< One node's calls to the store are lost, their answers too.
  drop_subscriber,
  lose_message,  ///< One node does not hear the first of several events.
  deafen,        ///< One node hears nothing for a while, and does not know.
  stop_node,     ///< A process shuts down in order; another comes.
  grant,
  revoke,
  regrant,       ///< A membership ends and begins again.
  members_down,  ///< No membership source answers for a while.
  members_slow,
  lose_answer,    ///< Publishers lose the next answers, and try again.
  set_back,       ///< The store goes back to the snapshot's data, and neither ends nor says so.
  cut_admission,  ///< The next connections that clients open break soon, after some bytes.
  break_program,  ///< The store can neither take nor give a program's events for a while.
  rush,           ///< Clients change networks; when they come back very much is published.
  late_bus,       ///< One node does not hear an event, and hears late what shows it and follows it.
  evict_unheard,  ///< The store drops an event that one node has not heard before that shows.
  unheard_end,    ///< One node does not hear an event, and nothing shows it.
  late_read,      ///< All of a program is read late, and is not the latest when it comes.
  late_node,      ///< One node hears all late, and clients come to it from where more was heard.
  late_answers,   ///< A client that claims its pid is cut, and claims again before it is answered.
  absence,        ///< Nobody gets anywhere for a while; memberships end, and begin anew, meanwhile.
  still_worker,   ///< One worker stands still; pids of its clients are claimed elsewhere meanwhile.
  still_home,  ///< A node's home stands still; programs are let go of, and wanted again, meanwhile.
  crowd,       ///< The clock of the store steps back, so events share a millisecond; pages reload.
};
constexpr std::size_t fault_kinds = static_cast<std::size_t>(FaultKind::crowd) + 1;
std::string_view to_string(FaultKind kind);

struct Fault {
  std::int64_t at_ms = 0;
  FaultKind kind = FaultKind::cut;
  std::uint64_t seed = 0;  ///< Of its own choices: what else is left out does not move them.
};

struct Plan {
  std::uint64_t seed = 0;
  std::size_t nodes = 1;
  std::size_t clients = 2;
  std::size_t users = 1;
  std::size_t programs = 1;
  std::int64_t publish_every_ms = 500;  ///< On average.
  std::size_t event_bytes_max = 0;      ///< Of what an event is longer than it need be.
  std::int64_t latency_us_max = 20'000;
  std::int64_t bus_delay_us_max = 600;  ///< Of what is heard from the store, now and then.
  std::int64_t trouble_ms = 45'000;     ///< Then the faults end,
  std::int64_t calm_ms = 50'000;        ///< and so long after that all must be well.
  std::int64_t quiet_ms = 8'000;        ///< The end of that, in which nothing is published.
  bool exact_since = true;              ///< Of memberships.
  GatewayOptions options;
  std::chrono::milliseconds check_interval{2'000};
  std::vector<Fault> faults;
};

Plan plan(std::uint64_t seed);

}  // namespace crier::simulation
