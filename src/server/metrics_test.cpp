#include "server/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crier::server {
namespace {

using testing::HasSubstr;

TEST(Metrics, CountsByLabel) {
  Metrics metrics;
  Metrics::count(metrics.closes, "ping timeout");
  Metrics::count(metrics.closes, "ping timeout");
  Metrics::count(metrics.closes, "transport close");
  EXPECT_EQ(metrics.closes["ping timeout"], 2U);
  EXPECT_EQ(metrics.closes["transport close"], 1U);
}

TEST(Metrics, ExpositionHasAHelpAndATypeForEachName) {
  Metrics metrics;
  metrics.deliveries = 12;
  Metrics::count(metrics.refusals, "token_expired");
  const std::string text = exposition(metrics, {.connections = 3, .history_up = true});
  EXPECT_THAT(text, HasSubstr("# TYPE crier_connections gauge\ncrier_connections 3\n"));
  EXPECT_THAT(text,
              HasSubstr("# TYPE crier_deliveries_total counter\ncrier_deliveries_total 12\n"));
  EXPECT_THAT(text, HasSubstr("crier_refusals_total{code=\"token_expired\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("crier_history_up 1\n"));
  EXPECT_THAT(text, HasSubstr("crier_store_up 0\n"));
}

}  // namespace
}  // namespace crier::server
