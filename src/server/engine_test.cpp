#include "server/engine.hpp"

#include "server/gateway_fixture.hpp"

namespace crier::server {
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
    chosen.handshakes_per_second = per_second;
    chosen.handshakes_burst = burst;
    chosen.origins = {"https://app"};
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

TEST(EndOfStep, IsTheSameForDeadlinesNearEachOtherAndBeforeNone) {
  const TimePoint start(std::chrono::hours(1));
  const auto after = [&](std::int64_t microseconds) {
    return end_of_step(start + Duration(microseconds)) - start;
  };
  EXPECT_EQ(after(0), Duration(0));
  EXPECT_EQ(after(1), Duration(50'000));
  EXPECT_EQ(after(50'000), Duration(50'000));
  EXPECT_EQ(after(50'001), Duration(100'000));
  EXPECT_EQ(end_of_step(never), never);
}

/// Greets at once, and notes the heartbeat in what it sends.
class Greeter final : public MessageLayer {
 public:
  void attach(Engine& engine) { engine_ = &engine; }
  void opened(Key session) override { say(session, "4hello"); }
  void received(Key session, bool /*binary*/, std::string_view data) override {
    say(session, "4" + std::string(data));
  }
  void route_changed(Key /*session*/, int /*descriptor*/) override {}
  void closed(Key /*session*/, std::string_view /*reason*/) override {}
  void pinged(Key session) override { say(session, "4pinged"); }
  void ponged(Key session) override { say(session, "4ponged"); }

 private:
  void say(Key session, std::string text) {
    engine_->send(session, {false, Bytes(std::move(text)), {}, false});
  }
  Engine* engine_ = nullptr;
};

class MessageLayerTest : public testing::Test {
 protected:
  MessageLayerTest() {
    layer.attach(engine);
    worker.route("/socket.io/", engine);
    EXPECT_TRUE(worker.listen());
    thread = std::thread([this] { worker.run(); });
  }
  ~MessageLayerTest() override {
    worker.stop();
    thread.join();
  }
  static WorkerOptions worker_options() {
    WorkerOptions options;
    options.endpoint = {"127.0.0.1", 0};
    return options;
  }
  static engineio::SessionOptions session_options() {
    engineio::SessionOptions options;
    options.ping_interval = std::chrono::milliseconds(50);
    return options;
  }
  std::string request(const std::string& head, std::string_view body = "") const {
    LoopbackClient client(worker.port());
    client.write(head + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
                 std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
    const std::string answer = client.read_all();
    return answer.substr(answer.find("\r\n\r\n") + 4);
  }

  Worker worker{worker_options(), {}};
  Random random = Random::secure();
  Greeter layer;
  Engine engine{worker, session_options(), 4096, layer, random};
  std::thread thread;
};

TEST_F(MessageLayerTest, WhatItSendsWhenASessionOpensFollowsTheOpenPacket) {
  LoopbackClient client(worker.port());
  client.open_websocket("/socket.io/?EIO=4&transport=websocket");
  EXPECT_THAT(client.read_frame(), StartsWith("0{\"sid\":"));
  EXPECT_EQ(client.read_frame(), "4hello");

  const std::string open = request("GET " + std::string(polling));
  EXPECT_THAT(open, StartsWith("0{\"sid\":"));
  const std::string sid = open.substr(open.find("\"sid\":\"") + 7, 20);
  EXPECT_EQ(request("GET " + std::string(polling) + "&sid=" + sid), "4hello");
}

TEST_F(MessageLayerTest, HearsOfEachPingAndOfItsAnswer) {
  LoopbackClient client(worker.port());
  client.open_websocket("/socket.io/?EIO=4&transport=websocket");
  client.read_frame();
  EXPECT_EQ(client.read_frame(), "4hello");
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(client.read_frame(), "2");
    EXPECT_EQ(client.read_frame(), "4pinged");
    client.write_text("3");
    EXPECT_EQ(client.read_frame(), "4ponged");
  }
}

TEST_F(HandshakesTest, NeedABurstOfAtLeastOne) {
  GatewayOptions chosen = options();
  chosen.handshakes_burst = 0;
  const auto fit = Gateway::check(chosen);
  ASSERT_FALSE(fit);
  EXPECT_EQ(fit.error().message, "handshakes_burst must be at least 1.");
  chosen.handshakes_burst = 1;
  EXPECT_TRUE(Gateway::check(chosen));
}

}  // namespace
}  // namespace crier::server
