// How many clients may begin at once.

#include "tests/support/gateway_fixture.hpp"

namespace crier::node {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view polling = "/socket.io/?EIO=4&transport=polling";

class HandshakesTest : public GatewayFixture {
 protected:
  void run_with(std::uint32_t per_second, std::uint32_t burst) {
    GatewayOptions chosen = options();
    chosen.engine.handshakes_per_second = per_second;
    chosen.engine.handshakes_burst = burst;
    chosen.http.origins = {"https://app"};
    GatewayFixture::run(chosen);
  }
  std::string handshake(std::string_view origin = "") {
    LoopbackClient client(gateway->port());
    client.write("GET " + std::string(polling) + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
                 (origin.empty() ? "" : "Origin: " + std::string(origin) + "\r\n") + "\r\n");
    return client.read_all();
  }
};

TEST_F(HandshakesTest, AreTakenUpToTheBurstAndDeferredBeyondIt) {
  run_with(1, 3);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(handshake(), StartsWith("HTTP/1.1 200")) << i;
  const std::string deferred = handshake("https://app");
  EXPECT_THAT(deferred, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(deferred, HasSubstr("{\"code\":\"too_many_handshakes\""));
  EXPECT_THAT(deferred,
              AnyOf(HasSubstr("\r\nRetry-After: 1\r\n"), HasSubstr("\r\nRetry-After: 2\r\n"),
                    HasSubstr("\r\nRetry-After: 3\r\n")));
  EXPECT_THAT(deferred, HasSubstr("\r\nAccess-Control-Allow-Origin: https://app\r\n"));
  EXPECT_THAT(handshake("https://other"), Not(HasSubstr("Access-Control-Allow-Origin")));
  EXPECT_THAT(get("/metrics"), HasSubstr("crier_handshakes_deferred_total 2\n"));
  EXPECT_THAT(get("/metrics"), HasSubstr("crier_sessions 3\n"));
}

TEST_F(HandshakesTest, OfWebSocketsCountToo) {
  run_with(1, 1);
  const auto first = opened();
  LoopbackClient second(gateway->port());
  second.write(LoopbackClient::upgrade_request("/socket.io/?EIO=4&transport=websocket"));
  EXPECT_THAT(second.read_until("}"), HasSubstr("too_many_handshakes"));
}

TEST_F(HandshakesTest, DoNotDeferWhatBelongsToASession) {
  run_with(1, 1);
  const std::string opened = handshake();
  const std::string sid = opened.substr(opened.find("\"sid\":\"") + 7, 20);
  EXPECT_THAT(handshake(), StartsWith("HTTP/1.1 503"));
  for (int i = 0; i < 5; ++i) {
    LoopbackClient client(gateway->port());
    client.write("POST " + std::string(polling) + "&sid=" + sid +
                 " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\n3");
    EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 200"));
  }
  LoopbackClient client(gateway->port());
  client.write(LoopbackClient::upgrade_request("/socket.io/?EIO=4&transport=websocket&sid=" + sid));
  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 101"));
}

TEST_F(HandshakesTest, AreNotBoundWithoutARate) {
  run_with(0, 1);
  for (int i = 0; i < 20; ++i) EXPECT_THAT(handshake(), StartsWith("HTTP/1.1 200"));
}

TEST_F(HandshakesTest, NeedABurstOfAtLeastOne) {
  GatewayOptions chosen = options();
  chosen.engine.handshakes_burst = 0;
  const auto fit = Gateway::check(chosen);
  ASSERT_FALSE(fit);
  EXPECT_EQ(fit.error().message,
            "engine.handshakes_burst must be a whole number from 1 to 10000000.");
  chosen.engine.handshakes_burst = 1;
  EXPECT_TRUE(Gateway::check(chosen));
}

}  // namespace
}  // namespace crier::node
