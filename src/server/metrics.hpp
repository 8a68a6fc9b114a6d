#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace crier::server {

/// Counts of one worker, in the text format of Prometheus (version 0.0.4). On its thread only.
struct Metrics {
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;
  std::uint64_t accept_failures = 0;
  std::uint64_t publishes = 0;
  std::uint64_t publishes_unrecoverable = 0;
  std::uint64_t deliveries = 0;
  std::uint64_t deflated = 0;
  std::uint64_t replayed = 0;
  std::uint64_t client_events_dropped = 0;
  std::uint64_t history_reads = 0;
  std::uint64_t membership_reads = 0;
  std::uint64_t handshakes_deferred = 0;
  std::uint64_t deaf = 0;
  std::map<std::string, std::uint64_t, std::less<>> refusals;        ///< By code.
  std::map<std::string, std::uint64_t, std::less<>> closes;          ///< By reason.
  std::map<std::string, std::uint64_t, std::less<>> publish_errors;  ///< By code.
  std::map<std::string, std::uint64_t, std::less<>> verdicts;        ///< A program of a catch-up.

  Metrics& operator+=(const Metrics& other);

  /// Adds one under `label`.
  static void count(std::map<std::string, std::uint64_t, std::less<>>& counts,
                    std::string_view label);
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

std::string exposition(const Metrics& metrics, const Gauges& gauges);

}  // namespace crier::server
