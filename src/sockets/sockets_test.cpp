#include "sockets/sockets.hpp"

#include "base/random.hpp"
#include "tests/support/loopback_client.hpp"

#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace crier::sockets {
namespace {

using testing::EndsWith;
using testing::StartsWith;

/// Lets everybody in but who says `{"no":true}`; what an event says is the room to join.
class Hall final : public Application {
 public:
  void attach(Sockets& sockets) { sockets_ = &sockets; }
  void connect_requested(const Ticket& ticket, std::string auth) override {
    if (auth == R"({"no":true})") {
      sockets_->refuse(ticket, "no", "");
    } else {
      last = sockets_->accept(ticket, "id", "");
    }
  }
  void withdrawn(const Ticket& /*ticket*/) override {}
  void event(Key socket, socketio::EventReceived& event) override {
    sockets_->join(socket, event.arguments.substr(2, event.arguments.size() - 4));
    sockets_->send(socket, encode_event("/", R"(["joined"])"));
  }
  void ack(Key /*socket*/, socketio::AckReceived& /*ack*/) override {}
  void left(Key /*socket*/, std::string_view /*id*/, std::string_view reason) override {
    if (!std::exchange(some_left_, true)) why.set_value(std::string(reason));
  }

  Key last = 0;
  std::promise<std::string> why;  ///< The first that left.

 private:
  Sockets* sockets_ = nullptr;
  bool some_left_ = false;
};

class SocketsTest : public testing::Test {
 protected:
  SocketsTest() {
    hall.attach(sockets);
    sockets.attach(sessions, hall);
    worker.route("/socket.io/", sessions);
    EXPECT_TRUE(worker.listen());
    thread = std::thread([this] { worker.run(); });
  }
  ~SocketsTest() override {
    worker.stop();
    thread.join();
  }
  static web::WorkerOptions worker_options() {
    web::WorkerOptions options;
    options.address = {"127.0.0.1", 0};
    return options;
  }
  /// A client whose session is open.
  std::unique_ptr<LoopbackClient> open() {
    auto client = std::make_unique<LoopbackClient>(worker.port());
    client->open_websocket("/socket.io/?EIO=4&transport=websocket");
    EXPECT_THAT(client->read_frame(), StartsWith("0{"));
    return client;
  }
  /// One with a socket that is in these rooms.
  std::unique_ptr<LoopbackClient> member(const std::vector<std::string>& rooms) {
    auto client = open();
    client->write_text("40");
    EXPECT_EQ(client->read_frame(), R"(40{"sid":"id"})");
    for (const std::string& room : rooms) {
      client->write_text("42[\"" + room + "\"]");
      EXPECT_EQ(client->read_frame(), R"(42["joined"])");
    }
    return client;
  }
  /// Does it on the loop's thread, and waits.
  template <class Task>
  auto on_loop(Task task) {
    std::promise<decltype(task())> result;
    worker.loop().post([&] { result.set_value(task()); });
    return result.get_future().get();
  }
  static std::vector<EncodedEvent> events(const std::string& arguments) {
    return {encode_event("/", arguments)};
  }

  web::Worker worker{worker_options(), {}};
  const socketio::ClientOptions options;
  Random random = Random::secure();
  Hall hall;
  Sockets sockets{worker, options, random};
  Sessions sessions{worker, {}, {}, sockets, random};
  std::thread thread;
};

TEST_F(SocketsTest, AreLetInOrRefused) {
  const auto in = member({});
  const auto refused = open();
  refused->write_text(R"(40{"no":true})");
  EXPECT_EQ(refused->read_frame(), R"(44{"message":"no"})");
  EXPECT_EQ(on_loop([&] { return sockets.count(); }), 1U);
}

TEST_F(SocketsTest, GetWhatTheirRoomsGetInOrderAcrossRooms) {
  const auto both = member({"a", "b"});
  const auto one = member({"b"});
  const std::vector<Sockets::Batch> batches{
      {"a", events("[1]")}, {"b", events("[2]")}, {"nobody", events("[3]")}, {"a", events("[4]")}};
  EXPECT_EQ(on_loop([&] { return sockets.broadcast("/", batches); }), 4U);
  for (const std::string text : {"42[1]", "42[2]", "42[4]"}) EXPECT_EQ(both->read_frame(), text);
  EXPECT_EQ(one->read_frame(), "42[2]");
}

TEST_F(SocketsTest, GetAllInOrderWhenTheyReadLate) {
  constexpr int rounds = 100;  // more than the kernel takes
  const std::string much(60'000, 'x');
  const auto late = member({"a", "b"});
  const auto prompt = member({"b"});
  std::thread reader([&] {
    for (int i = 0; i < rounds; ++i) {
      EXPECT_THAT(prompt->read_frame(), EndsWith(",\"b\"," + std::to_string(i) + "]"));
    }
  });
  const auto numbered = [&](const std::string& room, int i) {
    return events("[\"" + much + "\",\"" + room + "\"," + std::to_string(i) + "]");
  };
  for (int i = 0; i < rounds; ++i) {
    on_loop([&] {
      const std::vector<Sockets::Batch> batches{{"a", numbered("a", i)}, {"b", numbered("b", i)}};
      return sockets.broadcast("/", batches) + sockets.broadcast("/", "a", events("[\"alone\"]"));
    });
  }
  reader.join();
  for (int i = 0; i < rounds; ++i) {
    EXPECT_THAT(late->read_frame(), EndsWith(",\"a\"," + std::to_string(i) + "]"));
    EXPECT_THAT(late->read_frame(), EndsWith(",\"b\"," + std::to_string(i) + "]"));
    EXPECT_EQ(late->read_frame(), "42[\"alone\"]");
  }
}

TEST_F(SocketsTest, GetNoBroadcastWhileTheyAreSentWhatTheyMissed) {
  const auto client = member({"a"});
  const auto broadcast = [&](const std::string& arguments) {
    return on_loop([&] { return sockets.broadcast("/", "a", events(arguments)); });
  };
  on_loop([&] { return sockets.set_replaying(hall.last, true), 0; });
  EXPECT_EQ(broadcast("[1]"), 0U);
  on_loop([&] { return sockets.set_replaying(hall.last, false), 0; });
  EXPECT_EQ(broadcast("[2]"), 1U);
  EXPECT_EQ(client->read_frame(), "42[2]");
}

TEST_F(SocketsTest, LeaveTheirRoomsWhenTheyGo) {
  const auto client = member({"a"});
  client->write_text("41");
  EXPECT_EQ(hall.why.get_future().get(), "client namespace disconnect");
  EXPECT_EQ(on_loop([&] { return sockets.broadcast("/", "a", events("[1]")); }), 0U);
  EXPECT_EQ(on_loop([&] { return sockets.room_count("/"); }), 0U);
}

}  // namespace
}  // namespace crier::sockets
