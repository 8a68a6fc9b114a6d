#include "node/options.hpp"

#include "sockets/session_options.hpp"

#include <gtest/gtest.h>

namespace crier::node {
namespace {

TEST(Options, RingsAreBoundedAsTheHistoryIs) {
  GatewayOptions options;
  options.history.events_max = 7;
  options.history.bytes_max = 2048;
  options.history.ttl = std::chrono::seconds(9);
  const auto feed = feed_options(options);
  EXPECT_EQ(feed.ring.events_max, 7U);
  EXPECT_EQ(feed.ring.bytes_max, 2048U);
  EXPECT_EQ(feed.ring.age_max, std::chrono::seconds(9));
}

TEST(Options, OneBoundOfWhatAClientSendsHoldsForPayloadsAndForWhatIsPutTogether) {
  GatewayOptions options;
  options.engine.payload_bytes_max = 4096;
  EXPECT_EQ(sockets::session_options(options.engine).payload_bytes_max, 4096U);
  EXPECT_EQ(client_options(options).reassembly_bytes_max, 4096U);
}

TEST(Options, OutcomesAreRememberedAsLongAsTheHistory) {
  GatewayOptions options;
  options.history.unknown_outcomes_max = 5;
  options.history.ttl = std::chrono::seconds(9);
  const auto outcomes = publisher_options(options).outcomes;
  EXPECT_EQ(outcomes.unknown_max, 5U);
  EXPECT_EQ(outcomes.ttl, std::chrono::seconds(9));
}

TEST(Options, TokensAreJudgedWithTheLeewaysOfTheGateway) {
  GatewayOptions options;
  EXPECT_EQ(token_options(options).leeway, std::chrono::seconds(0));
  EXPECT_EQ(token_options(options).nbf_leeway, std::chrono::seconds(60));
  EXPECT_EQ(token_options(options).iat_leeway, std::nullopt);
  options.auth.leeway = std::chrono::seconds(1);
  options.auth.nbf_leeway = std::chrono::seconds(2);
  options.auth.iat_leeway = std::chrono::seconds(3);
  EXPECT_EQ(token_options(options).leeway, std::chrono::seconds(1));
  EXPECT_EQ(token_options(options).nbf_leeway, std::chrono::seconds(2));
  EXPECT_EQ(token_options(options).iat_leeway, std::chrono::seconds(3));
}

TEST(Options, TheListenersAreTheGateways) {
  GatewayOptions options;
  options.http.address = "127.0.0.1";
  options.http.port = 4711;
  options.http.connections_max = 3;
  const auto worker = worker_options(options);
  EXPECT_EQ(worker.address.ip, "127.0.0.1");
  EXPECT_EQ(worker.address.port, 4711);
  EXPECT_EQ(worker.connections_max, 3U);
}

}  // namespace
}  // namespace crier::node
