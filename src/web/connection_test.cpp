#include "web/connection.hpp"

#include "tests/support/loopback_client.hpp"
#include "web/worker.hpp"
#include "websocket/handshake.hpp"

#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <utility>

namespace crier::web {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::size_t large = 16 * 1024 * 1024;  // more than the kernel takes at once

/// Answers with the path at once, at /large with much, at /later when it is told to; at /socket it
/// opens a WebSocket, where it echoes and at `end` closes in the midst of what it says.
class Desk final : public Endpoint {
 public:
  std::size_t head(Connection& /*connection*/, const http::Request& /*request*/) override {
    return 1'024;
  }
  void request(Connection& connection, http::Request& request) override {
    if (request.wants_websocket()) {
      const std::string key(request.header("sec-websocket-key"));
      connection.open_websocket(websocket::accept_response({"13", key, ""}), limits, nullptr);
    } else if (request.path() == "/later") {
      in_hand.set_value(connection.key());
    } else if (request.path() == "/large") {
      connection.answer({200, {}, std::string(large, 'x')});
    } else {
      connection.answer(http::text(200, request.path()));
    }
  }
  void body_failed(Connection& connection, int status) override {
    connection.answer({status, {}, {}});
  }
  void lost(Connection& /*connection*/, bool answered) override {
    say(answered ? "answer lost" : "request lost");
  }
  void stalled(Connection& /*connection*/) override { say("stalled"); }
  [[nodiscard]] bool answers_half_closed() const override { return half_closed; }
  void message(Connection& connection, const websocket::Message& message) override {
    connection.queue(Bytes(websocket::frame(message.opcode, message.data)));
    if (message.data != "end") return;
    connection.queue(Bytes(websocket::close_frame(websocket::CloseCode::normal)));
    connection.close_after_flush();
    connection.queue(Bytes(websocket::frame(message.opcode, "too late")));
  }
  void websocket_lost(Connection& /*connection*/, bool error) override {
    say(error ? "websocket broken" : "websocket closed");
  }

  const websocket::ReaderLimits limits{};
  bool half_closed = false;
  std::promise<Key> in_hand;       ///< At /later.
  std::promise<std::string> said;  ///< The first that is said.

 private:
  void say(std::string what) {
    if (!std::exchange(spoke_, true)) said.set_value(std::move(what));
  }
  bool spoke_ = false;
};

class ConnectionTest : public testing::Test {
 protected:
  explicit ConnectionTest(WorkerOptions chosen = options()) : worker(std::move(chosen), {}) {
    worker.route("/", desk);
  }
  ~ConnectionTest() override {
    worker.stop();
    if (thread.joinable()) thread.join();
  }
  static WorkerOptions options() {
    WorkerOptions options;
    options.address = {"127.0.0.1", 0};
    return options;
  }
  void run() {
    ASSERT_TRUE(worker.listen());
    thread = std::thread([this] { worker.run(); });
  }
  static std::string get(const std::string& path) {
    return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  /// What the desk says first.
  std::string said() { return desk.said.get_future().get(); }

  Worker worker;
  Desk desk;
  std::thread thread;
};

TEST_F(ConnectionTest, AnswersRequestsThatComeTogetherInOrder) {
  run();
  LoopbackClient client(worker.port());
  client.write(get("/one") + get("/two") + get("/three"));
  for (const std::string path : {"/one", "/two", "/three"}) {
    EXPECT_THAT(client.read_until(path), StartsWith("HTTP/1.1 200"));
  }
}

TEST_F(ConnectionTest, HoldsWhatComesBehindARequestUntilThatIsAnswered) {
  run();
  LoopbackClient client(worker.port());
  client.write(get("/later") + get("/next"));
  const Key key = desk.in_hand.get_future().get();
  worker.loop().post([this, key] { worker.find(key)->answer(http::text(200, "/later")); });
  EXPECT_THAT(client.read_until("/next"), HasSubstr("/later"));
}

TEST_F(ConnectionTest, WritesMuchToAReaderThatComesLaterWholeAndInOrder) {
  run();
  LoopbackClient client(worker.port());
  client.write(get("/large"));
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: " + std::to_string(large)));
  EXPECT_EQ(client.read(large), std::string(large, 'x'));
  client.write(get("/next"));
  EXPECT_THAT(client.read_until("/next"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ConnectionTest, SendsTheWholeAnswerToAPeerThatHasOnlyEnded) {
  run();
  LoopbackClient client(worker.port());
  client.write(get("/large"));
  client.end();
  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(client.read(large), std::string(large, 'x'));
  EXPECT_TRUE(client.closed());
}

TEST_F(ConnectionTest, SendsTheWholeOfItsLastAnswerToAPeerThatEndsMeanwhile) {
  run();
  LoopbackClient client(worker.port());
  client.write("GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Connection: close"));
  client.end();
  EXPECT_EQ(client.read(large), std::string(large, 'x'));
  EXPECT_TRUE(client.closed());
}

TEST_F(ConnectionTest, ReportsAPeerThatEndsBeforeItsAnswer) {
  run();
  LoopbackClient client(worker.port());
  client.write(get("/later"));
  desk.in_hand.get_future().wait();
  client.end();
  EXPECT_EQ(said(), "request lost");
  EXPECT_TRUE(client.closed());
}

TEST_F(ConnectionTest, AnswersAPeerThatHasOnlyEndedWhereTheEndpointWantsIt) {
  desk.half_closed = true;
  run();
  LoopbackClient client(worker.port());
  client.write(get("/later"));
  client.end();
  const Key key = desk.in_hand.get_future().get();
  worker.loop().post([this, key] { worker.find(key)->answer(http::text(200, "/later")); });
  EXPECT_THAT(client.read_all(), EndsWith("/later"));
  EXPECT_TRUE(client.closed());
}

TEST_F(ConnectionTest, ReportsAnAnswerWhosePeerHasBroken) {
  run();
  LoopbackClient client(worker.port());
  client.write(get("/large"));
  client.read_until("\r\n\r\n");
  client.reset();
  EXPECT_EQ(said(), "answer lost");
}

class SlowReaderTest : public ConnectionTest {
 protected:
  SlowReaderTest() : ConnectionTest(impatient()) {}
  static WorkerOptions impatient() {
    WorkerOptions impatient = options();
    impatient.slow_reader_timeout = std::chrono::milliseconds(100);
    return impatient;
  }
};

TEST_F(SlowReaderTest, IsReset) {
  run();
  LoopbackClient client(worker.port());
  client.write(get("/large"));
  EXPECT_EQ(said(), "stalled");
  EXPECT_TRUE(client.closed());
}

TEST_F(ConnectionTest, AnswersPingsBetweenMessages) {
  run();
  LoopbackClient client(worker.port());
  EXPECT_THAT(client.open_websocket("/socket"), StartsWith("HTTP/1.1 101"));
  client.write(LoopbackClient::frame("one") + LoopbackClient::frame("ping", '\x89') +
               LoopbackClient::frame("two"));
  EXPECT_EQ(client.read_frame(), "one");
  char first = 0;
  EXPECT_EQ(client.read_frame(&first), "ping");
  EXPECT_EQ(first, '\x8A');
  EXPECT_EQ(client.read_frame(), "two");
}

TEST_F(ConnectionTest, SendsNothingBehindACloseFrame) {
  run();
  LoopbackClient client(worker.port());
  client.open_websocket("/socket");
  client.write(LoopbackClient::frame("end") + LoopbackClient::frame("after"));
  EXPECT_EQ(client.read_frame(), "end");
  char first = 0;
  EXPECT_EQ(client.read_frame(&first), "\x03\xE8");
  EXPECT_EQ(first, '\x88');
  EXPECT_THAT(client.read_all(), IsEmpty());
  EXPECT_TRUE(client.closed());
}

TEST_F(ConnectionTest, TellsAWebSocketThatEndsFromOneThatBreaks) {
  run();
  LoopbackClient client(worker.port());
  client.open_websocket("/socket");
  client.end();
  EXPECT_EQ(said(), "websocket closed");
  EXPECT_TRUE(client.closed());
}

TEST_F(ConnectionTest, TellsAWebSocketThatBreaksFromOneThatEnds) {
  run();
  LoopbackClient client(worker.port());
  client.open_websocket("/socket");
  client.reset();
  EXPECT_EQ(said(), "websocket broken");
}

}  // namespace
}  // namespace crier::web
