// Adds up the counters of the parts of a gateway.

#include "node/counters.hpp"

namespace crier::node {

Counters& Counters::operator+=(const Counters& other) {
  for (const auto counter :
       {&Counters::publishes, &Counters::publishes_unrecoverable, &Counters::deliveries,
        &Counters::replayed, &Counters::client_events_dropped, &Counters::history_reads,
        &Counters::membership_reads, &Counters::deaf}) {
    this->*counter += other.*counter;
  }
  refusals += other.refusals;
  publish_errors += other.publish_errors;
  verdicts += other.verdicts;
  return *this;
}

}  // namespace crier::node
