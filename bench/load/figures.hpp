#pragma once

// What a run has measured; what was not measured is absent.

#include "errors.hpp"
#include "histogram.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace load {

/// How often something happened, how often a second, and what it cost the server.
struct Count {
  std::uint64_t count = 0;
  double per_second = 0;
  std::optional<double> cpu_microseconds;  ///< Each; absent without --server-pid.
  Histogram took;
};

/// What there was at one moment of the window.
struct Sample {
  double seconds = 0;  ///< Since the window began.
  std::uint64_t events = 0;
  double cpu_seconds = 0;  ///< Of the server, since the window began.
  std::uint64_t resident = 0;
};

struct Figures {
  struct Memory {
    std::uint64_t before = 0;
    std::uint64_t connected = 0;
    double per_connection = 0;
  };
  struct Slow {
    std::uint64_t clients = 0;
    std::uint64_t closed = 0;
    std::uint64_t deliveries = 0;
  };

  std::string command, url, transport;
  std::uint64_t clients = 0;
  std::optional<std::uint64_t> window;
  std::optional<double> rate;

  std::optional<Count> connect;
  double connect_seconds = 0;
  std::uint64_t connect_failed = 0;
  std::optional<double> cpu_seconds_connecting;
  std::optional<Memory> memory;

  std::optional<double> window_seconds;
  std::optional<double> cpu_share;
  std::optional<double> generator_idle;
  std::optional<Count> deliveries;  ///< The rate and the CPU are of the window alone; the count has
                                    ///< the stragglers too.
  std::uint64_t deliveries_in_window = 0;
  std::uint64_t other_events = 0;
  double frames_per_read = 0;
  std::optional<Histogram> broadcast;
  std::optional<Count> publishes;
  std::optional<Count> acks;
  std::optional<Count> recoveries;
  std::uint64_t not_recovered = 0;
  std::optional<Slow> slow;
  Errors errors;
  std::uint64_t disconnects = 0;
  std::vector<Sample> samples;
};

/// As one line of JSON.
[[nodiscard]] std::string to_json(const Figures& figures);

/// As lines to read.
[[nodiscard]] std::string to_text(const Figures& figures);

/// As a page that needs nothing else.
[[nodiscard]] std::string to_html(const Figures& figures);

}  // namespace load
