#pragma once

// Metrics of a gateway process.

#include "node/counters.hpp"
#include "sockets/sessions.hpp"
#include "web/worker.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace crier::node {

/// All that a process has counted.
struct Metrics {
  web::Worker::Counters connections;
  sockets::Sessions::Counters sessions;
  Counters gateway;
};

/// Values that are not counted but looked at.
struct Gauges {
  std::size_t connections = 0;
  std::size_t sessions = 0;
  std::size_t sockets = 0;
  std::size_t rooms = 0;
  std::size_t replays = 0;
  std::size_t replay_bytes = 0;
  std::size_t unknown_outcomes = 0;
  std::size_t programs_owed = 0;
  bool store_up = false;
  bool history_up = false;
  std::chrono::microseconds history_clock_offset{};
};

/// Both in the text format of Prometheus (version 0.0.4).
std::string exposition(const Metrics& metrics, const Gauges& gauges);

}  // namespace crier::node
