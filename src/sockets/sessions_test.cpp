#include "sockets/sessions.hpp"

#include "tests/support/loopback_client.hpp"

#include <algorithm>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <thread>

namespace crier::sockets {
namespace {

using testing::StartsWith;

constexpr std::string_view polling = "/socket.io/?EIO=4&transport=polling";

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
  void attach(Sessions& sessions) { sessions_ = &sessions; }
  void opened(Key session) override {
    last = session;
    say(session, "4hello");
  }
  void received(Key session, bool /*binary*/, std::string_view data) override {
    say(session, "4" + std::string(data));
  }
  void route_changed(Key /*session*/, int /*descriptor*/) override {}
  void closed(Key /*session*/, std::string_view why) override {
    reason.set_value(std::string(why));
  }
  void pinged(Key session) override { say(session, "4pinged"); }
  void ponged(Key session) override { say(session, "4ponged"); }

  void say(Key session, std::string text) {
    sessions_->send(session, {false, Bytes(std::move(text)), {}, false});
  }

  Key last = 0;
  std::promise<std::string> reason;  ///< Of the first close.

 private:
  Sessions* sessions_ = nullptr;
};

class MessageLayerTest : public testing::Test {
 protected:
  MessageLayerTest() {
    layer.attach(sessions);
    worker.route("/socket.io/", sessions);
    EXPECT_TRUE(worker.listen());
    thread = std::thread([this] { worker.run(); });
  }
  ~MessageLayerTest() override {
    worker.stop();
    thread.join();
  }
  static web::WorkerOptions worker_options() {
    web::WorkerOptions options;
    options.address = {"127.0.0.1", 0};
    options.slow_reader_timeout = std::chrono::milliseconds(200);
    return options;
  }
  static engineio::SessionOptions session_options() {
    engineio::SessionOptions options;
    options.ping_interval = std::chrono::milliseconds(50);
    options.slow_reader_timeout = std::chrono::seconds(20);  // the connection's is shorter
    return options;
  }
  static Sessions::Limits limits() {
    Sessions::Limits limits;
    limits.backlog_bytes_max = bound;
    return limits;
  }
  /// Runs `call` on the loop, in a turn of its own, and returns what it returns.
  template <class Call>
  auto in_a_turn(Call call) {
    const auto turn = [this] { return on_loop([this] { return worker.turn(); }); };
    const std::uint32_t before = turn();
    while (turn() == before) {
    }
    return on_loop(call);
  }
  template <class Call>
  auto on_loop(Call call) {
    std::promise<decltype(call())> result;
    worker.loop().post([&] { result.set_value(call()); });
    return result.get_future().get();
  }
  /// One message of so many bytes to the session that opened last.
  void send(std::size_t bytes) { layer.say(layer.last, "4" + std::string(bytes - 1, 'x')); }
  std::string open_polling() const {
    const std::string open = request("GET " + std::string(polling));
    const std::string sid = open.substr(open.find("\"sid\":\"") + 7, 20);
    EXPECT_EQ(request("GET " + std::string(polling) + "&sid=" + sid), "4hello");
    return sid;
  }
  std::string request(const std::string& head, std::string_view body = "") const {
    LoopbackClient client(worker.port());
    client.write(head + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
                 std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
    const std::string answer = client.read_all();
    return answer.substr(answer.find("\r\n\r\n") + 4);
  }

  static constexpr std::size_t bound = 100'000;
  web::Worker worker{worker_options(), {}};
  Random random = Random::secure();
  Greeter layer;
  Sessions sessions{worker, session_options(), limits(), layer, random};
  std::thread thread;
};

TEST_F(MessageLayerTest, WhatItSendsWhenASessionOpensFollowsTheOpenPacket) {
  LoopbackClient client(worker.port());
  client.open_websocket("/socket.io/?EIO=4&transport=websocket");
  EXPECT_THAT(client.read_frame(), StartsWith("0{\"sid\":"));
  EXPECT_EQ(client.read_frame(), "4hello");

  open_polling();
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

TEST_F(MessageLayerTest, WhatEarlierTurnsHaveQueuedMayFillTheBoundButNotExceedIt) {
  for (const std::size_t bytes : {bound, bound + 1}) {
    layer.reason = {};
    open_polling();
    in_a_turn([&] { return send(bytes), true; });
    in_a_turn([&] { return send(10), true; });
    const bool is_open = on_loop([&] { return sessions.open_sessions(10).size(); }) == 1;
    EXPECT_EQ(is_open, bytes == bound);
    if (is_open) {
      on_loop([&] {
        sessions.close(layer.last, engineio::CloseReason::forced_close, true);
        return true;
      });
    } else {
      EXPECT_EQ(layer.reason.get_future().get(), "slow reader");
    }
  }
}

TEST_F(MessageLayerTest, WhatOneTurnQueuesComesOnTop) {
  open_polling();
  in_a_turn([&] { return send(bound), true; });
  in_a_turn([&] {
    for (int i = 0; i < 20; ++i) send(bound);
    return true;
  });
  EXPECT_EQ(on_loop([&] { return sessions.open_sessions(10).size(); }), 1U);
  in_a_turn([&] { return send(1), true; });
  EXPECT_EQ(layer.reason.get_future().get(), "slow reader");
}

TEST_F(MessageLayerTest, OneThatTakesNothingIsClosedInTime) {
  LoopbackClient client(worker.port());
  client.open_websocket("/socket.io/?EIO=4&transport=websocket");
  client.read_frame();
  in_a_turn([&] { return send(50'000'000), true; });
  EXPECT_EQ(layer.reason.get_future().get(), "slow reader");
  EXPECT_TRUE(client.closed());
}

TEST_F(MessageLayerTest, OneThatWasSlowForAMomentStays) {
  LoopbackClient client(worker.port());
  client.open_websocket("/socket.io/?EIO=4&transport=websocket");
  client.read_frame();
  EXPECT_EQ(client.read_frame(), "4hello");
  // It reads nothing until the kernel takes no more, and then everything.
  do {
    in_a_turn([&] { return send(bound / 2), true; });
  } while (in_a_turn([&] { return sessions.unsent(layer.last); }) == 0);
  // Its heartbeats go on for longer than a slow reader has.
  for (int pings = 0; pings < 10;) {
    const std::string frame = client.read_frame();
    ASSERT_FALSE(frame.empty());
    if (frame != "2") continue;
    client.write_text("3");
    ++pings;
  }
  EXPECT_EQ(on_loop([&] { return sessions.open_sessions(10).size(); }), 1U);
}

/// A payload without its heartbeats.
std::string events_of(std::string_view payload) {
  std::string events;
  while (!payload.empty()) {
    const auto packet = payload.substr(0, payload.find('\x1e'));
    payload.remove_prefix(std::min(payload.size(), packet.size() + 1));
    if (packet.starts_with("4e")) events.append(packet).append("|");
  }
  return events;
}

// The kernel takes neither all bytes nor all pieces at once.
TEST_F(MessageLayerTest, AnAnswerOfManyPiecesArrivesWholeAndARepeatIsTheSame) {
  const std::string sid = open_polling();
  std::string owed;
  in_a_turn([&] {
    for (std::size_t i = 0; i < 5'000; ++i) {
      std::string event = "4e" + std::to_string(i) + std::string(i % 150, 'x');
      if (i % 250 == 0) event += std::string(1'000'000, 'y');
      owed += event + "|";
      layer.say(layer.last, std::move(event));
    }
    return true;
  });
  const std::string get =
      "GET " + std::string(polling) + "&sid=" + sid + "&t=a HTTP/1.1\r\nHost: x\r\n\r\n";
  std::string first;
  for (const bool is_repeat : {false, true}) {
    LoopbackClient client(worker.port());
    client.write(get);
    const std::string head = client.read_until("\r\n\r\n");
    const std::size_t unsent = on_loop([&] { return sessions.unsent(layer.last); });
    const std::size_t bytes = std::stoul(head.substr(head.find("Content-Length: ") + 16));
    EXPECT_GT(unsent, 0U);
    EXPECT_LT(unsent, bytes);
    const std::string payload = client.read(bytes);
    EXPECT_TRUE(events_of(payload) == owed);
    EXPECT_TRUE(!is_repeat || payload == first);
    first = payload;
  }
}

TEST_F(MessageLayerTest, OneThatDoesNotTakeTheAnswerToItsPollIsClosedInTime) {
  const std::string sid = open_polling();
  // The poll is on its way first: without one the session would be slow as well, and over before.
  LoopbackClient client(worker.port());
  client.write("GET " + std::string(polling) + "&sid=" + sid + "&t=a HTTP/1.1\r\nHost: x\r\n\r\n");
  in_a_turn([&] { return send(50'000'000), true; });
  EXPECT_EQ(layer.reason.get_future().get(), "slow reader");
  EXPECT_TRUE(client.closed());
}

}  // namespace
}  // namespace crier::sockets
