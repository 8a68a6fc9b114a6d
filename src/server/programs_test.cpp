#include "server/programs.hpp"

#include "server/loopback_client.hpp"

#include <deque>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

namespace crier::server {
namespace {

using testing::StartsWith;

class OneUser final : public access::MembershipSource {
 public:
  void look_up(const std::string& user, Done done) override {
    done(std::optional(access::User{user, "", "", true, {"p1"}}));
  }
  [[nodiscard]] bool available() override { return true; }
};

/// Answers when the test says so.
class SlowHistory final : public history::HistoryStore {
 public:
  using Read = std::function<void(Result<history::ReadReply, history::StoreError>)>;
  void append(history::AppendRequest /*request*/,
              std::function<void(Result<history::Appended, history::StoreError>)> done) override {
    done(Unexpected{history::StoreError::unavailable});
  }
  void read(std::vector<history::ReadRequest> /*requests*/, Read done) override {
    ++asked;
    open.push_back(std::move(done));
  }
  [[nodiscard]] bool available() const override { return true; }

  std::size_t asked = 0;
  std::deque<Read> open;
};

class ProgramsTest : public testing::Test {
 protected:
  ProgramsTest() {
    sockets.attach(engine, programs);
    worker.route("/socket.io/", engine);
    EXPECT_TRUE(worker.listen());
    thread = std::thread([this] { worker.run(); });
  }
  ~ProgramsTest() override {
    worker.stop();
    thread.join();
  }

  static WorkerOptions worker_options() {
    WorkerOptions options;
    options.endpoint = {"127.0.0.1", 0};
    return options;
  }
  /// A client whose CONNECT, with a cursor, has been taken.
  std::unique_ptr<LoopbackClient> asking() {
    auto client = std::make_unique<LoopbackClient>(worker.port());
    client->open_websocket("/socket.io/?EIO=4&transport=websocket");
    EXPECT_THAT(client->read_frame(), StartsWith("0{\"sid\":"));
    client->write_text("40{\"token\":\"" + access::sign_hs256("secret", R"({"sub":"u1"})") +
                       "\",\"lastEventTimestamp\":1}");
    client->write(LoopbackClient::frame("taken", '\x89'));
    EXPECT_EQ(client->read_frame(), "taken");
    return client;
  }
  /// Runs `call` on the loop and returns what it returns.
  template <class Call>
  auto on_loop(Call call) {
    std::promise<decltype(call())> result;
    worker.loop().post([&] { result.set_value(call()); });
    return result.get_future().get();
  }
  std::size_t asked() {
    return on_loop([this] { return history.asked; });
  }
  /// Answers the oldest read; false if there is none.
  bool answer() {
    return on_loop([this] {
      if (history.open.empty()) return false;
      const auto done = std::move(history.open.front());
      history.open.pop_front();
      done(history::ReadReply{"epoch", 0, {}});
      return true;
    });
  }

  Worker worker{worker_options(), {}};
  Random random = Random::secure();
  socketio::ClientOptions client_options;
  Sockets sockets{worker, client_options, random};
  Engine engine{worker, {}, 4096, sockets, random};
  OneUser memberships;
  SlowHistory history;
  access::Verifier verifier{{access::Key{"secret", {access::Algorithm::hs256}, {}}}, {}};
  catalog::Catalog catalog = catalog::Catalog::built_in();
  Programs programs{{worker, engine, sockets, memberships, history, verifier, catalog,
                     [] { return WallTime{0}; }},
                    {},
                    1024 * 1024};
  std::thread thread;
};

TEST_F(ProgramsTest, AStormOfClientsAsksTheHistoryABoundedNumberOfTimesAtOnce) {
  std::vector<std::unique_ptr<LoopbackClient>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(asking());
  EXPECT_EQ(asked(), 16U);
  EXPECT_TRUE(answer());
  EXPECT_EQ(asked(), 17U);
  while (answer()) {
  }
  EXPECT_EQ(asked(), 20U);
  for (const auto& client : clients) {
    EXPECT_THAT(client->read_frame(), StartsWith("40{\"sid\":"));
  }
}

TEST_F(ProgramsTest, OneThatHasGoneBeforeItsTurnCostsNoRead) {
  std::vector<std::unique_ptr<LoopbackClient>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(asking());
  clients[18]->write(LoopbackClient::frame("", '\x88'));
  EXPECT_EQ(clients[18]->read(2), std::string("\x88\x00", 2));
  while (answer()) {
  }
  EXPECT_EQ(asked(), 19U);
  EXPECT_THAT(clients[19]->read_frame(), StartsWith("40{\"sid\":"));
}

}  // namespace
}  // namespace crier::server
