#include "node/replays.hpp"

#include "history/memory_store.hpp"
#include "node/delivery.hpp"
#include "tests/support/loopback_client.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>
#include <utility>

namespace crier::node {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// Admits each client to the one program, and sends all of its events that are kept.
class Admitter final : public sockets::Application {
 public:
  Admitter(sockets::Sockets& sockets, Delivery& delivery)
      : sockets_(sockets), delivery_(delivery) {}

  void connect_requested(const sockets::Ticket& ticket, std::string /*auth*/) override {
    delivery_.ask({{{programs.at(0), after, 0}}, {}, 0}, [&, ticket](const auto& reply) {
      delivery_.deliver();
      const auto& kept = reply->programs.at(0);
      gateway::Positions positions{{kept.records.empty() ? kept.top : kept.records.front().prev},
                                   kept.top};
      const Key socket = sockets_.accept(ticket);
      const std::string catchup = "[\"catchup\"," + std::to_string(kept.records.size()) + "]";
      if (kept.records.empty()) {
        sockets_.send(socket, sockets::encode_event(sockets::main_namespace, catchup));
      } else {
        delivery_.replays().begin(socket, {user, programs, positions, catchup});
      }
      sockets_.join(socket, room_of(programs.at(0)));
    });
  }
  void withdrawn(const sockets::Ticket& /*ticket*/) override {}
  void event(Key /*socket*/, socketio::EventReceived& /*event*/) override {}
  void ack(Key /*socket*/, socketio::AckReceived& /*ack*/) override {}
  void left(Key socket, std::string_view /*id*/, std::string_view /*reason*/) override {
    delivery_.forget(socket);
  }
  void drained(Key socket) override { delivery_.replays().drained(socket); }

  history::Gid after = 0;
  const std::string user = "u";
  std::vector<std::string> programs{"p"};

 private:
  sockets::Sockets& sockets_;
  Delivery& delivery_;
};

class ReplaysTest : public testing::Test {
 protected:
  static constexpr std::size_t bound = 1'048'576;

  /// `bytes_max`: unsent, of all replays.
  explicit ReplaysTest(std::size_t bytes_max = bound,
                       std::chrono::milliseconds slow_reader_timeout = std::chrono::seconds(20))
      : worker{worker_options(slow_reader_timeout), {}},
        delivery{{worker, sessions, sockets, history}, {feed_options(), {}, bytes_max}} {
    sockets.attach(sessions, admitter);
    worker.route("/socket.io/", sessions);
    EXPECT_TRUE(worker.listen());
    thread = std::thread([this] { worker.run(); });
  }
  ~ReplaysTest() override {
    worker.stop();
    thread.join();
  }
  static web::WorkerOptions worker_options(std::chrono::milliseconds slow_reader_timeout) {
    web::WorkerOptions options;
    options.slow_reader_timeout = slow_reader_timeout;
    options.address = {"127.0.0.1", 0};
    return options;
  }
  static history::Retention retention() { return {std::chrono::minutes(5), 1000, 64'000'000}; }
  static gateway::FeedOptions feed_options() {
    gateway::FeedOptions options;
    options.ring = {1000, 64'000'000, std::chrono::minutes(5)};
    return options;
  }
  template <class Call>
  auto on_loop(Call call) {
    std::promise<decltype(call())> result;
    worker.loop().post([&] { result.set_value(call()); });
    return result.get_future().get();
  }
  /// Events `first` to `last` of the program, with so many bytes each.
  void publish(int first, int last, std::size_t bytes, const std::string& program = "p") {
    on_loop([&] {
      for (int i = first; i <= last; ++i) {
        history.append({program, Bytes(body(i, bytes)), {}}, [](const auto&) {});
      }
      return true;
    });
  }
  static std::string body(int number, std::size_t bytes) {
    return "{\"event\":\"e" + std::to_string(number) + "\",\"programId\":\"p\",\"data\":\"" +
           std::string(bytes, 'x') + "\"}";
  }
  std::unique_ptr<LoopbackClient> opened() const {
    auto client = std::make_unique<LoopbackClient>(worker.port());
    client->open_websocket("/socket.io/?EIO=4&transport=websocket");
    EXPECT_THAT(client->read_frame(), StartsWith("0{\"sid\":"));
    return client;
  }
  std::unique_ptr<LoopbackClient> connected() const {
    auto client = opened();
    client->write_text("40");
    EXPECT_THAT(client->read_frame(), StartsWith("40{\"sid\":"));
    return client;
  }
  /// The events come, in order, each once.
  static void expect_events(LoopbackClient& client, int first, int last) {
    for (int i = first; i <= last; ++i) {
      ASSERT_THAT(client.read_frame().substr(0, 40),
                  StartsWith("42[\"e" + std::to_string(i) + "\","));
    }
  }
  struct State {
    std::size_t count;
    std::size_t bytes;
  };
  State state() {
    return on_loop(
        [this] { return State{delivery.replays().count(), delivery.replays().bytes()}; });
  }
  /// Waits until so many sockets have not had everything yet.
  void await_count(std::size_t count) {
    for (int i = 0; i < 100'000 && state().count != count; ++i) std::this_thread::yield();
    EXPECT_EQ(state().count, count);
  }
  /// Waits until much is unsent, of the bound for all replays; it is never more than that.
  void await_bytes() {
    for (int i = 0; i < 100'000 && state().bytes < bound / 2; ++i) {
      ASSERT_LE(state().bytes, bound);
      std::this_thread::yield();
    }
    EXPECT_GE(state().bytes, bound / 2) << "the bound is used";
  }
  /// A session over polling that has asked to join; the end of its requests' query.
  std::string joined_over_polling() {
    const std::string open = request("GET", "", "");
    const std::string sid = "&sid=" + open.substr(open.find("\"sid\":\"") + 7, 20);
    EXPECT_EQ(request("POST", sid, "40"), "ok");
    return sid;
  }
  std::string request(const std::string& method, const std::string& query, std::string_view data) {
    LoopbackClient client(worker.port());
    client.write(method + " /socket.io/?EIO=4&transport=polling" + query +
                 " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
                 std::to_string(data.size()) + "\r\n\r\n" + std::string(data));
    const std::string answer = client.read_all();
    return answer.substr(answer.find("\r\n\r\n") + 4);
  }

  web::Worker worker;
  Random random = Random::secure();
  socketio::ClientOptions client_options;
  sockets::Sockets sockets{worker, client_options, random};
  sockets::Sessions sessions{worker, {}, {}, sockets, random};
  WallTime clock = 1'000'000'000;
  history::MemoryStore history{retention(), [this] { return clock += 1000; }, Random::seeded(7)};
  Delivery delivery;
  Admitter admitter{sockets, delivery};
  std::thread thread;
};

TEST_F(ReplaysTest, WhoMissedLittleIsServedAtOnceAndIsAMember) {
  publish(1, 3, 100);
  const auto client = connected();
  expect_events(*client, 1, 3);
  EXPECT_EQ(client->read_frame(), "42[\"catchup\",3]");
  EXPECT_EQ(state().count, 0U);
  publish(4, 4, 100);
  expect_events(*client, 4, 4);
}

TEST_F(ReplaysTest, WhoMissedMuchGetsItAsItReadsAndWhatIsNewBehindIt) {
  publish(1, 300, 50'000);
  const auto client = connected();
  EXPECT_EQ(state().count, 1U);
  publish(301, 310, 100);
  EXPECT_LE(state().bytes, Replays::window_max + 60'000);
  expect_events(*client, 1, 300);
  EXPECT_EQ(client->read_frame(), "42[\"catchup\",300]");
  expect_events(*client, 301, 310);
  await_count(0);
  publish(311, 312, 100);
  expect_events(*client, 311, 312);
}

TEST_F(ReplaysTest, OverPollingEachPollBringsAWindow) {
  publish(1, 30, 50'000);
  const std::string sid = joined_over_polling();
  publish(31, 32, 100);
  std::string got;
  std::size_t longest = 0;
  for (int i = 0; i < 40 && got.find("e32") == std::string::npos; ++i) {
    const std::string payload = request("GET", sid + "&t=" + std::to_string(i), "");
    longest = std::max(longest, payload.size());
    got += payload + "\x1e";
  }
  EXPECT_LE(longest, Replays::window_max + 60'000);
  std::size_t at = 0;
  for (int i = 1; i <= 32; ++i) {
    const std::size_t found = got.find("42[\"e" + std::to_string(i) + "\",", at);
    ASSERT_NE(found, std::string::npos) << i;
    EXPECT_EQ(got.find("42[\"e" + std::to_string(i) + "\",", found + 1), std::string::npos);
    at = found;
    if (i == 30) {
      EXPECT_LT(found, got.find("42[\"catchup\",30]"));
    }
    if (i == 31) {
      EXPECT_GT(found, got.find("42[\"catchup\",30]"));
    }
  }
  await_count(0);
}

TEST_F(ReplaysTest, AllOfThemTogetherKeepTheBoundAndOthersWaitForAPlace) {
  publish(1, 900, 10'000);
  std::vector<std::unique_ptr<LoopbackClient>> clients;
  for (int i = 0; i < 30; ++i) clients.push_back(connected());
  EXPECT_EQ(state().count, 30U);
  await_bytes();
  for (const auto& client : clients) {
    expect_events(*client, 1, 900);
    EXPECT_EQ(client->read_frame(), "42[\"catchup\",900]");
    EXPECT_LE(state().bytes, bound);
  }
  await_count(0);
  EXPECT_EQ(state().bytes, 0U);
}

TEST_F(ReplaysTest, WhoMissedLittleWaitsForNoPlaceOverAWebSocket) {
  publish(1, 900, 10'000);
  std::vector<std::unique_ptr<LoopbackClient>> stalled;
  for (int i = 0; i < 30; ++i) stalled.push_back(connected());
  on_loop([this] { return admitter.after = delivery.feed().ring("p")->top(); });
  publish(901, 903, 100);
  const auto client = connected();
  expect_events(*client, 901, 903);
  EXPECT_EQ(client->read_frame(), "42[\"catchup\",3]");
  EXPECT_EQ(state().count, 30U);
}

TEST_F(ReplaysTest, OneThatIsClosedFreesItsPlace) {
  publish(1, 900, 10'000);
  std::vector<std::unique_ptr<LoopbackClient>> clients;
  for (int i = 0; i < 30; ++i) clients.push_back(connected());
  const auto last = connected();
  await_bytes();
  for (const auto& client : clients) client->reset();
  expect_events(*last, 1, 900);
  await_count(0);
  EXPECT_EQ(state().bytes, 0U) << "and what it had unsent";
}

TEST_F(ReplaysTest, WhatNobodyFetchesOverPollingKeepsTheBoundToo) {
  publish(1, 6, 10'000);  // less than a window
  std::vector<std::string> sids;
  for (int i = 0; i < 40; ++i) sids.push_back(joined_over_polling());
  EXPECT_EQ(state().count, 40U);
  EXPECT_LE(state().bytes, bound);
  await_bytes();
  for (const auto& sid : sids) {
    std::string got;
    for (int i = 0; i < 10 && got.find("42[\"catchup\",6]") == std::string::npos; ++i) {
      got += request("GET", sid + "&t=" + std::to_string(i), "");
    }
    EXPECT_THAT(got, HasSubstr("42[\"e6\","));
    EXPECT_THAT(got, HasSubstr("42[\"catchup\",6]"));
  }
  await_count(0);
}

TEST_F(ReplaysTest, EventsThatAreLargerThanAWindowKeepTheBoundTogether) {
  publish(1, 5,
          500'000);  // the kernel takes less than one of these for a client that does not read
  std::vector<std::unique_ptr<LoopbackClient>> clients;
  for (int i = 0; i < 12; ++i) clients.push_back(connected());
  await_bytes();
  for (int i = 0; i < 1'000; ++i) ASSERT_LE(state().bytes, bound + 500'100) << "one is beyond it";
  clients.clear();
  await_count(0);
  EXPECT_EQ(state().bytes, 0U);
}

TEST_F(ReplaysTest, AUserWhoHasOtherProgramsNowGetsThose) {
  publish(1, 300, 50'000);
  publish(1'001, 1'030, 50'000, "q");
  const auto before = connected();
  EXPECT_EQ(state().count, 1U);
  on_loop([this] { return admitter.programs = {"q"}; });
  const auto client = connected();
  expect_events(*client, 1'001, 1'030);
  EXPECT_EQ(client->read_frame(), "42[\"catchup\",30]");
  on_loop([this] {  // of two programs in one turn
    history.append({"p", Bytes(body(301, 100)), {}}, [](const auto&) {});
    history.append({"q", Bytes(body(1'031, 100)), {}}, [](const auto&) {});
    return true;
  });
  expect_events(*client, 1'031, 1'031);
  expect_events(*before, 1, 300);
  EXPECT_EQ(before->read_frame(), "42[\"catchup\",300]");
  expect_events(*before, 301, 301);
}

TEST_F(ReplaysTest, WhoComesAfterOneThatWentInItsReplayIsAMember) {
  publish(1, 300, 50'000);
  const auto gone = connected();
  gone->write_text("41");
  await_count(0);
  on_loop([this] { return admitter.after = delivery.feed().ring("p")->top(); });
  const std::string sid = joined_over_polling();  // in its place
  EXPECT_THAT(request("GET", sid + "&t=0", ""), HasSubstr("42[\"catchup\",0]"));
  publish(301, 301, 100);
  EXPECT_THAT(request("GET", sid + "&t=1", ""), HasSubstr("42[\"e301\","));
}

TEST_F(ReplaysTest, AnEventThatCannotBeReadIsPassedOver) {
  publish(1, 1, 100);
  on_loop([this] {
    history.append({"p", Bytes("not an event"), {}}, [](const auto&) {});
    return true;
  });
  publish(2, 2, 100);
  const auto client = connected();
  expect_events(*client, 1, 2);
  EXPECT_EQ(client->read_frame(), "42[\"catchup\",3]");
}

TEST_F(ReplaysTest, AnEventThatIsLargerThanTheBoundComesWhenNothingElseIsHeld) {
  publish(1, 3, 2 * bound);
  const auto client = connected();
  expect_events(*client, 1, 3);
  EXPECT_EQ(client->read_frame(), "42[\"catchup\",3]");
}

TEST_F(ReplaysTest, WhoWaitsForAPlaceHoldsNothingThatALargeEventWouldNeed) {
  publish(1, 30, 10'000);
  publish(31, 32, bound - 500);
  publish(33, 33, 2 * bound);
  std::vector<std::unique_ptr<LoopbackClient>> clients;
  for (int i = 0; i < 40; ++i) clients.push_back(connected());
  for (const auto& client : clients) {
    expect_events(*client, 1, 33);
    EXPECT_EQ(client->read_frame(), "42[\"catchup\",33]");
  }
  await_count(0);
}

TEST_F(ReplaysTest, OneEventAtATimeIsBeyondTheBoundAndEachHasItsTurn) {
  publish(1, 3, 8 * bound);
  std::vector<std::unique_ptr<LoopbackClient>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(connected());
  const auto within = [this] { return state().bytes <= 9 * bound + 100; };
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(within());
  std::vector<std::thread> readers;
  for (const auto& client : clients) {
    readers.emplace_back([&client] {
      expect_events(*client, 1, 3);
      EXPECT_EQ(client->read_frame(), "42[\"catchup\",3]");
    });
  }
  for (int i = 0; i < 1'000'000 && state().count != 0; ++i) EXPECT_TRUE(within());
  for (auto& reader : readers) reader.join();
}

TEST_F(ReplaysTest, OneForWhomTheRingNoLongerHasWhatComesNextIsClosed) {
  publish(1, 300, 50'000);
  const auto client = connected();
  publish(301, 1301, 100);  // 301 and later are all that is kept
  int seen = 0;
  for (;;) {
    const std::string frame = client->read_frame();
    if (frame.empty() || !frame.starts_with("42[\"e")) break;
    ASSERT_THAT(frame.substr(0, 40), StartsWith("42[\"e" + std::to_string(++seen) + "\","));
  }
  EXPECT_LT(seen, 300);
  EXPECT_TRUE(client->closed());
  await_count(0);
}

TEST_F(ReplaysTest, UnnumberedEventsPassOneThatIsStillSentWhatItMissed) {
  publish(1, 300, 50'000);
  const auto client = connected();
  on_loop([this] {
    delivery.deliver_unnumbered("p", R"({"event":"unnumbered","programId":"p"})");
    return true;
  });
  expect_events(*client, 1, 300);
  EXPECT_EQ(client->read_frame(), "42[\"catchup\",300]");
  await_count(0);
  publish(301, 301, 100);
  expect_events(*client, 301, 301);
}

/// With one place, for a moment at a time while others wait.
class ReplaysInTurnTest : public ReplaysTest {
 protected:
  ReplaysInTurnTest() : ReplaysTest(Replays::window_max, std::chrono::seconds(1)) {}
};

TEST_F(ReplaysInTurnTest, OneThatTakesLongGivesItsPlaceOn) {
  publish(1, 900, 50'000);
  const auto first = connected();
  const auto second = connected();
  std::atomic<bool> has_all = false;
  std::thread reads([&] {
    for (int i = 1; i <= 900; ++i) {
      expect_events(*first, i, i);
      const auto next = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
      while (std::chrono::steady_clock::now() < next) std::this_thread::yield();
    }
    EXPECT_EQ(first->read_frame(), "42[\"catchup\",900]");
    has_all = true;
  });
  expect_events(*second, 1, 1);
  EXPECT_FALSE(has_all);
  expect_events(*second, 2, 900);
  EXPECT_EQ(second->read_frame(), "42[\"catchup\",900]");
  reads.join();
  await_count(0);
}

/// With places for all of its clients.
class ReplaysToManyTest : public ReplaysTest {
 protected:
  ReplaysToManyTest() : ReplaysTest(64 * bound) {}

  /// What `write` makes the clients send is read in one turn.
  template <class Write>
  void in_one_turn(Write write) {
    std::promise<void> written;
    worker.loop().post([done = written.get_future().share()] { done.wait(); });
    write();
    written.set_value();
  }
};

TEST_F(ReplaysToManyTest, ATurnSendsAMegabyteBeforeLiveEventsHaveOne) {
  constexpr std::size_t event_bytes = 50'000;
  constexpr int clients_count = 40;
  publish(1, 5, event_bytes);
  std::vector<std::unique_ptr<LoopbackClient>> clients;
  for (int i = 0; i < clients_count; ++i) clients.push_back(opened());
  std::uint64_t before = 0;
  std::uint64_t most = 0;
  std::function<void()> each_turn = [&] {
    const std::uint64_t now = delivery.replays().sent();
    // Each gets one with its admission.
    if (before >= clients_count) most = std::max(most, now - before);
    before = now;
    if (now < 5 * clients_count) worker.loop().post(each_turn);
  };
  worker.loop().post(each_turn);
  in_one_turn([&] {
    for (const auto& client : clients) client->write_text("40");
  });
  for (const auto& client : clients) {
    EXPECT_THAT(client->read_frame(), StartsWith("40{"));
    expect_events(*client, 1, 5);
  }
  EXPECT_LE(on_loop([&] { return most; }), bound / event_bytes + 1);
  EXPECT_GE(most, bound / event_bytes) << "many were ready in one turn";
}

}  // namespace
}  // namespace crier::node
