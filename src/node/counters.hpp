#pragma once

// Counters of the parts of a gateway.

#include "base/label_counts.hpp"

#include <cstdint>

namespace crier::node {

/// What the parts of a gateway have done so far. Each part counts its own, on its thread.
struct Counters {
  std::uint64_t publishes = 0;
  std::uint64_t publishes_unrecoverable = 0;
  std::uint64_t deliveries = 0;
  std::uint64_t replayed = 0;
  std::uint64_t client_events_dropped = 0;
  std::uint64_t history_reads = 0;
  std::uint64_t membership_reads = 0;
  std::uint64_t deaf = 0;
  LabelCounts refusals;        ///< By code.
  LabelCounts publish_errors;  ///< By code.
  LabelCounts verdicts;        ///< A program of a catch-up.

  Counters& operator+=(const Counters& other);
};

}  // namespace crier::node
