#include "crier/server.hpp"

#include "tests/support/loopback_client.hpp"
#include "websocket/deflate.hpp"

#include <condition_variable>
#include <deque>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace crier {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view websocket_target = "/socket.io/?EIO=4&transport=websocket";

/// A server on its own thread, and clients that talk to it by hand.
class ServerTest : public testing::Test {
 protected:
  explicit ServerTest(const ServerOptions& chosen = options()) : server(chosen, {}) {}
  ~ServerTest() override {
    server.stop();
    if (thread.joinable()) thread.join();
  }
  static ServerOptions options() {
    ServerOptions options;
    options.http.address = "127.0.0.1";
    options.http.port = 0;
    options.engine.backlog_bytes_max = 64 * 1024 * 1024;  // for readers that lag
    return options;
  }
  void run() {
    ASSERT_TRUE(server.listen());
    thread = std::thread([this] { server.run(); });
  }
  /// A client that has joined `/`.
  std::unique_ptr<LoopbackClient> joined() {
    auto client = std::make_unique<LoopbackClient>(server.port());
    EXPECT_THAT(client->open_websocket(websocket_target), StartsWith("HTTP/1.1 101"));
    EXPECT_THAT(client->read_frame(), StartsWith("0{\"sid\":"));
    client->write_text("40");
    EXPECT_THAT(client->read_frame(), StartsWith("40{\"sid\":"));
    return client;
  }

  /// A client over polling that has joined `/`, and polls no more: its sid.
  [[nodiscard]] std::string joined_over_polling() const {
    const auto request = [this](const std::string& method, const std::string& query,
                                const std::string& body) {
      LoopbackClient client(server.port());
      client.write(method + " /socket.io/?EIO=4&transport=polling" + query +
                   " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
                   std::to_string(body.size()) + "\r\n\r\n" + body);
      return client.read_all();
    };
    const std::string open = request("GET", "", "");
    const std::string sid = open.substr(open.find("\"sid\":\"") + 7, 20);
    EXPECT_THAT(request("POST", "&sid=" + sid, "40"), EndsWith("ok"));
    EXPECT_THAT(request("GET", "&sid=" + sid, ""), HasSubstr("40{\"sid\":"));
    return sid;
  }

  Server server;
  std::thread thread;
};

TEST_F(ServerTest, EchoesAnEventWithItsAck) {
  server.of("/").on_connect([](Socket socket) {
    socket.on("echo", [socket](const Arguments& arguments, const Ack& ack) mutable {
      socket.emit("back", arguments);
      ack(arguments);
      ack({"[\"second\"]", {}});
    });
  });
  run();
  auto client = joined();
  client->write_text(R"(427["echo",1,{"a":[2]}])");
  EXPECT_EQ(client->read_frame(), R"(42["back",1,{"a":[2]}])");
  EXPECT_EQ(client->read_frame(), R"(437[1,{"a":[2]}])");
  client->write_text(R"(42["nobody"])");
  client->write_text(R"(428["echo"])");
  EXPECT_EQ(client->read_frame(), R"(42["back"])");
  EXPECT_EQ(client->read_frame(), "438[]");
}

TEST_F(ServerTest, RefusesANamespaceThatDoesNotExist) {
  server.of("/");
  run();
  LoopbackClient client(server.port());
  client.open_websocket(websocket_target);
  client.read_frame();
  client.write_text("40/nope,");
  EXPECT_EQ(client.read_frame(), R"(44/nope,{"message":"Invalid namespace"})");
}

TEST_F(ServerTest, ReachesARoomAndNotTheOthers) {
  Namespace main = server.of("/");
  main.on_connect([main](Socket socket) {
    socket.on("join", [socket](const Arguments&, const Ack& ack) mutable {
      socket.join("room");
      ack({});
    });
    socket.on("say", [main](const Arguments& arguments, const Ack&) mutable {
      main.emit_to("room", "said", arguments);
      main.emit("all", {});
    });
  });
  run();
  auto member = joined();
  auto stranger = joined();
  member->write_text(R"(420["join"])");
  EXPECT_EQ(member->read_frame(), "430[]");
  stranger->write_text(R"(42["say","hi"])");
  EXPECT_EQ(member->read_frame(), R"(42["said","hi"])");
  EXPECT_EQ(member->read_frame(), R"(42["all"])");
  EXPECT_EQ(stranger->read_frame(), R"(42["all"])");
}

TEST_F(ServerTest, AsksAClientForAnAck) {
  std::promise<std::string> answer;
  server.of("/").on_connect([&](Socket socket) {
    socket.emit("question", {"[1]", {}},
                [&](const Arguments& arguments) { answer.set_value(arguments.json); });
  });
  run();
  auto client = joined();
  EXPECT_EQ(client->read_frame(), R"(420["question",1])");
  client->write_text("430[\"yes\"]");
  EXPECT_EQ(answer.get_future().get(), "[\"yes\"]");
}

TEST_F(ServerTest, AHandlerThatThrowsCostsItsSocketOnly) {
  server.of("/").on_connect([](Socket socket) {
    socket.on("throw", [](const Arguments&, const Ack&) { throw std::runtime_error("oops"); });
    socket.on("ping", [](const Arguments&, const Ack& ack) { ack({}); });
  });
  run();
  auto bad = joined();
  auto good = joined();
  bad->write_text(R"(42["throw"])");
  EXPECT_EQ(bad->read_frame(), "41");
  good->write_text(R"(421["ping"])");
  EXPECT_EQ(good->read_frame(), "431[]");
}

TEST_F(ServerTest, TellsWhyASocketWent) {
  std::promise<std::string> reason;
  server.of("/").on_connect([&](Socket socket) {
    socket.on_disconnect([&](std::string_view why) { reason.set_value(std::string(why)); });
  });
  run();
  auto client = joined();
  client->write_text("41");
  EXPECT_EQ(reason.get_future().get(), "client namespace disconnect");
}

/// Holds the loop in a handler until the test has set the scene for the rest of that turn.
class Block {
 public:
  void operator()() {
    reached_.set_value();
    go_on_.get_future().wait();
  }
  void wait() { reached_.get_future().wait(); }
  void go_on() { go_on_.set_value(); }

 private:
  std::promise<void> reached_;
  std::promise<void> go_on_;
};

TEST_F(ServerTest, WhatAHandlerSendsWhileQueuesAreWrittenIsNeitherForgottenNorOvertaken) {
  Block block;
  Namespace main = server.of("/");
  main.on_connect([main, &block](Socket socket) {
    socket.join("room");
    socket.on_disconnect([main](std::string_view) mutable {
      main.emit_to("room", "left", {});
      main.emit("bye", {});
    });
    socket.on("block", [main, &block](const Arguments&, const Ack&) mutable {
      block();
      main.emit("first", {});
      main.emit_to("room", "second", {});  // writes what is queued, and finds who has died
    });
  });
  run();
  auto dying = joined();
  auto staying = joined();
  staying->write_text(R"(42["block"])");
  block.wait();
  dying->reset();
  block.go_on();
  EXPECT_EQ(staying->read_frame(), R"(42["first"])");
  EXPECT_EQ(staying->read_frame(), R"(42["left"])");
  EXPECT_EQ(staying->read_frame(), R"(42["bye"])");
  EXPECT_EQ(staying->read_frame(), R"(42["second"])");
}

TEST_F(ServerTest, AFrameThatIsHalfSentIsFinishedBeforeAHandlerSendsAnother) {
  Block block;
  Namespace main = server.of("/");
  const std::string large = "[\"" + std::string(std::size_t{16} * 1024 * 1024, 'x') + "\"]";
  main.on_connect([&](Socket socket) {
    socket.join("room");
    socket.on_disconnect([main](std::string_view) mutable { main.emit_to("room", "left", {}); });
    socket.on("block", [&, main](const Arguments&, const Ack&) mutable {
      block();
      main.emit_to("room", "large", {large, {}});
    });
  });
  run();
  auto dying = joined();
  auto lagging = joined();
  lagging->write_text(R"(42["block"])");
  block.wait();
  dying->reset();
  block.go_on();
  EXPECT_EQ(lagging->read_frame().size(), large.size() + std::string_view(R"(42"large",)").size());
  EXPECT_EQ(lagging->read_frame(), R"(42["left"])");
}

/// A server whose clients may have little unsent. Whoever is told `say` tells all of the room.
/// Why sockets went, in order. From any thread.
class Reasons {
 public:
  void add(std::string_view reason) {
    const std::lock_guard lock(mutex_);
    reasons_.emplace_back(reason);
    added_.notify_one();
  }
  [[nodiscard]] bool any() {
    const std::lock_guard lock(mutex_);
    return !reasons_.empty();
  }
  /// Empty if there is none within 5 s.
  std::string next() {
    std::unique_lock lock(mutex_);
    added_.wait_for(lock, std::chrono::seconds(5), [this] { return !reasons_.empty(); });
    if (reasons_.empty()) return {};
    std::string reason = std::move(reasons_.front());
    reasons_.pop_front();
    return reason;
  }

 private:
  std::mutex mutex_;
  std::condition_variable added_;
  std::deque<std::string> reasons_;
};

class SlowReaderTest : public ServerTest {
 protected:
  SlowReaderTest() : ServerTest(impatient()) {
    Namespace main = server.of("/");
    main.on_connect([reasons = reasons, main](Socket socket) {
      socket.join("room");
      socket.on_disconnect([reasons](std::string_view why) { reasons->add(why); });
      socket.on("say", [main](const Arguments& arguments, const Ack& ack) mutable {
        main.emit_to("room", "said", arguments);
        ack({});
      });
      socket.on("flood", [socket](const Arguments&, const Ack&) mutable {
        std::string much;
        much.resize(50'000'000, 'x');
        socket.emit("much", {"[\"" + much + "\"]", {}});
      });
    });
    run();
  }
  static ServerOptions impatient() {
    ServerOptions chosen = options();
    chosen.engine.backlog_bytes_max = bound;
    chosen.engine.slow_reader_timeout = std::chrono::seconds(1);
    return chosen;
  }
  /// Has the server tell everybody something of 10 KB, and reads it.
  static void say(LoopbackClient& reader) {
    reader.write_text(R"(421["say",")" + text + "\"]");
    EXPECT_EQ(reader.read_frame(), R"(42["said",")" + text + "\"]");
    EXPECT_EQ(reader.read_frame(), "431[]");
  }

  static constexpr std::size_t bound = 100'000;
  static inline const std::string text = std::string(10'000, 'x');
  /// The server's thread outlives this object.
  const std::shared_ptr<Reasons> reasons = std::make_shared<Reasons>();
};

TEST_F(SlowReaderTest, OneThatStopsReadingIsClosedAndTheOthersGetEverything) {
  const auto reader = joined();
  const auto slow = joined();
  // What the kernel holds for the one that does not read is no more than a few MB.
  for (int i = 0; i < 10'000 && !reasons->any(); ++i) say(*reader);
  EXPECT_EQ(reasons->next(), "slow reader");
  EXPECT_TRUE(slow->closed());
  say(*reader);
}

TEST_F(SlowReaderTest, NoMoreIsKeptForOneThatDoesNotPollThanTheBound) {
  const auto reader = joined();
  EXPECT_FALSE(joined_over_polling().empty());
  int said = 0;
  for (; said < 100 && !reasons->any(); ++said) say(*reader);
  EXPECT_EQ(reasons->next(), "slow reader");
  EXPECT_EQ(said, 11) << "the bound, and one that exceeds it";
  say(*reader);
}

TEST_F(SlowReaderTest, OneThatTakesNothingIsClosedInTime) {
  const auto client = joined();
  client->write_text(R"(42["flood"])");
  EXPECT_EQ(reasons->next(), "slow reader");
  EXPECT_TRUE(client->closed());
}

TEST_F(ServerTest, StoppingClosesClientsCleanly) {
  server.of("/");
  run();
  auto client = joined();
  server.stop();
  EXPECT_EQ(client->read(2), std::string("\x88\x00", 2));
  client->close();
  thread.join();
}

TEST_F(ServerTest, OptionsOutOfTheirBoundsAreNamed) {
  ServerOptions hasty = options();
  hasty.engine.ping_interval = std::chrono::milliseconds(100);
  EXPECT_NO_THROW(Server(hasty, {}));
  hasty.engine.ping_interval = std::chrono::milliseconds(99);
  try {
    const Server refused(hasty, {});
    ADD_FAILURE() << "it was taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "engine.ping_interval must be a duration of at least 100ms.");
  }
}

TEST_F(ServerTest, APortThatIsTakenIsNamed) {
  run();
  ServerOptions other = options();
  other.http.port = server.port();
  Server second(other, {});
  const auto listening = second.listen();
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code, "listen_failed");
  EXPECT_THAT(listening.error().message, HasSubstr(std::to_string(server.port())));
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  server.of("/");
  run();
  LoopbackClient client(server.port());
  client.write("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 404"));
  LoopbackClient pipelining(server.port());
  pipelining.write(
      "GET /socket.io/?EIO=4&transport=x HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /socket.io/?EIO=4&transport=y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answers = pipelining.read_all();
  EXPECT_THAT(answers, StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(answers, HasSubstr(R"({"code":0,"message":"Transport unknown"})"));
  EXPECT_THAT(answers.substr(12), HasSubstr("HTTP/1.1 400"));
}

TEST_F(ServerTest, AMalformedRequestIsAnsweredAndClosed) {
  run();
  LoopbackClient client(server.port());
  client.write("BAD\r\n\r\n");
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 400"));
}

class NarrowServerTest : public ServerTest {
 protected:
  NarrowServerTest() : ServerTest(narrow()) {}
  static ServerOptions narrow() {
    ServerOptions chosen = options();
    chosen.http.headers_max = 2;
    chosen.http.header_bytes_max = 1'024;
    return chosen;
  }
  std::string answer_to(const std::string& headers) {
    LoopbackClient client(server.port());
    client.write("GET /nothing HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n");
    return client.read_all();
  }
};

TEST_F(NarrowServerTest, TheLimitsOfTheOptionsHold) {
  run();
  EXPECT_THAT(answer_to("Connection: close\r\n"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(answer_to("Connection: close\r\nX: y\r\n"), StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(answer_to("X: " + std::string(1'024, 'y') + "\r\n"), StartsWith("HTTP/1.1 431"));
}

class DeflatingServerTest : public ServerTest {
 protected:
  DeflatingServerTest() : ServerTest(deflating()) {}
  static ServerOptions deflating() {
    ServerOptions chosen = options();
    chosen.websocket.deflate = true;
    chosen.websocket.deflate_bytes_min = 100;
    return chosen;
  }
  /// The next message, which is to be compressed.
  std::string inflated(LoopbackClient& client) {
    char first = 0;
    const std::string payload = client.read_frame(&first);
    EXPECT_EQ(first, '\xc1');
    const auto text = inflater.inflate(payload, 1'000);
    return text ? std::string(*text) : std::string();
  }

  websocket::Inflater inflater;
};

TEST_F(DeflatingServerTest, CompressesWhatIsEmittedAndAcknowledged) {
  Namespace main = server.of("/");
  main.on_connect([main](Socket socket) {
    socket.on("say", [main](const Arguments& arguments, const Ack& ack) mutable {
      main.emit("said", arguments);
      ack(arguments);
    });
  });
  run();
  LoopbackClient client(server.port());
  EXPECT_THAT(
      client.open_websocket(websocket_target, "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
      HasSubstr("Extensions"));
  EXPECT_THAT(inflated(client), StartsWith("0{\"sid\":"));
  client.write_text("40");
  EXPECT_THAT(client.read_frame(), StartsWith("40{\"sid\":"));
  const std::string text = "\"" + std::string(200, 'x') + "\"";
  client.write_text("427[\"say\"," + text + "]");
  EXPECT_EQ(inflated(client), "42[\"said\"," + text + "]");
  EXPECT_EQ(inflated(client), "437[" + text + "]");
}

}  // namespace
}  // namespace crier
