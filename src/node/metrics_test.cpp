#include "node/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crier::node {
namespace {

using testing::HasSubstr;

TEST(Metrics, ExpositionHasAHelpAndATypeForEachName) {
  Metrics metrics;
  metrics.gateway.deliveries = 12;
  metrics.gateway.refusals.add("token_expired");
  const std::string text = exposition(metrics, {.connections = 3, .history_up = true});
  EXPECT_THAT(text, HasSubstr("# TYPE crier_connections gauge\ncrier_connections 3\n"));
  EXPECT_THAT(text,
              HasSubstr("# TYPE crier_deliveries_total counter\ncrier_deliveries_total 12\n"));
  EXPECT_THAT(text, HasSubstr("crier_refusals_total{code=\"token_expired\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("crier_history_up 1\n"));
  EXPECT_THAT(text, HasSubstr("crier_store_up 0\n"));
}

TEST(Metrics, GaugesSayWhatIsUnsettled) {
  const std::string text = exposition({}, {.unknown_outcomes = 7, .programs_owed = 8});
  EXPECT_THAT(text, HasSubstr("\ncrier_programs_owed 8\n"));
  EXPECT_THAT(text, HasSubstr("\ncrier_unknown_outcomes 7\n"));
}

TEST(Metrics, GaugesSayHowFarTheClocksAreApart) {
  EXPECT_THAT(exposition({}, {.history_clock_offset = std::chrono::microseconds(-1'500'000)}),
              HasSubstr("\ncrier_history_clock_offset_seconds -1.500000\n"));
  EXPECT_THAT(exposition({}, {}), HasSubstr("\ncrier_history_clock_offset_seconds 0.000000\n"));
}

TEST(Metrics, NamesEachCountOnce) {
  Metrics metrics;
  metrics.connections.accept_failures = 1;
  metrics.sessions.handshakes_deferred = 4;
  metrics.sessions.closes.add("ping timeout");
  Counters& gateway = metrics.gateway;
  gateway.history_reads = 2;
  gateway.membership_reads = 3;
  gateway.deaf = 5;
  gateway.verdicts.add("gap");
  gateway.verdicts.add("recovered");
  gateway.verdicts.add("gap");
  Metrics sum;
  sum.connections += metrics.connections;
  sum.sessions += metrics.sessions;
  sum.gateway += gateway;
  const std::string text = exposition(sum, {});
  for (const std::string line :
       {"crier_accept_failures_total 1", "crier_history_reads_total 2",
        "crier_membership_reads_total 3", "crier_handshakes_deferred_total 4", "crier_deaf_total 5",
        "crier_closes_total{reason=\"ping timeout\"} 1", "crier_verdicts_total{verdict=\"gap\"} 2",
        "crier_verdicts_total{verdict=\"recovered\"} 1"}) {
    const auto first = text.find("\n" + line + "\n");
    EXPECT_NE(first, std::string::npos) << line;
    EXPECT_EQ(text.find("\n" + line, first + 1), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace crier::node
