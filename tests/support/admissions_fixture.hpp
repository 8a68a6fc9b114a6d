#pragma once

// For tests: the admissions of one worker, whose memberships and history answer when the test says
// so.

#include "base/json_text.hpp"
#include "base/time.hpp"
#include "history/memory_store.hpp"
#include "node/admissions.hpp"
#include "node/delivery.hpp"
#include "tests/support/loopback_client.hpp"

#include <deque>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace crier::node {

/// Answers when the test says so.
class SlowMemberships final : public access::MembershipSource {
 public:
  void look_up(const std::string& user, Done done) override {
    ++asked;
    open.emplace_back(user, std::move(done));
  }
  [[nodiscard]] bool available() override { return true; }

  std::size_t asked = 0;
  std::deque<std::pair<std::string, Done>> open;
};

/// A store in memory whose reads are answered when the test says so.
class SlowHistory final : public history::HistoryStore {
 public:
  using Read = history::Done<history::ReadReply>;
  void append(history::AppendRequest request, history::Done<history::Appended> done) override {
    if (!up) return done(Unexpected{history::StoreError::unavailable});
    store.append(std::move(request), std::move(done));
  }
  void read(std::vector<history::ReadRequest> requests, Read done) override {
    ++asked;
    open.emplace_back(std::move(requests), std::move(done));
  }
  [[nodiscard]] bool available() const override { return up; }
  [[nodiscard]] history::StoreHealth health() const override { return store.health(); }
  void when_available(std::function<void()> call) override { store.when_available(call); }
  void witnessed(const history::Epoch& epoch, history::Gid gid) override {
    store.witnessed(epoch, gid);
  }
  void listen(history::BusListener& listener) override { store.listen(listener); }
  void subscribe(const std::string& program) override { store.subscribe(program); }
  void unsubscribe(const std::string& program) override { store.unsubscribe(program); }
  void probe(std::function<void(bool)> done) override { store.probe(std::move(done)); }
  void listen_again() override { store.listen_again(); }
  [[nodiscard]] bool hears() const override { return up; }
  void claim(const std::string& sid, history::Done<history::Fence> done) override {
    store.claim(sid, std::move(done));
  }
  void fences(std::vector<std::string> sids,
              history::Done<std::vector<history::Fence>> done) override {
    ++fences_asked;
    if (!up) return done(Unexpected{history::StoreError::unavailable});
    store.fences(std::move(sids), std::move(done));
  }

  void take_over(history::SessionPosition position, history::Done<void> done) override {
    taken_over.push_back(position.holder);
    if (hold_take_overs) return held.push_back(std::move(done));
    if (!takes_writes) return done(Unexpected{history::StoreError::unavailable});
    kept[position.user + "/" + position.session] = position.value;
    done({});
  }
  void save_positions(std::vector<history::SessionPosition> positions) override {
    for (auto& position : positions) {
      saved.push_back(position.holder);
      kept[position.user + "/" + position.session] = position.value;
    }
  }
  void load_position(const std::string& user, const std::string& session,
                     history::Done<std::string> done) override {
    done(kept[user + "/" + session]);
  }

  WallTime clock = 1'000'000'000;
  history::MemoryStore store{{}, [this] { return clock += 1000; }, Random::seeded(7)};
  bool up = true;
  bool takes_writes = true;
  bool hold_take_overs = false;  ///< They are not answered yet.
  std::vector<history::Done<void>> held;
  std::vector<std::string> taken_over;  ///< Their holders,
  std::vector<std::string> saved;       ///< and those of what was saved since.
  std::map<std::string, std::string> kept;
  std::size_t asked = 0;
  std::size_t fences_asked = 0;
  std::deque<std::pair<std::vector<history::ReadRequest>, Read>> open;
};

class AdmissionsTest : public testing::Test {
 protected:
  AdmissionsTest() {
    sockets.attach(sessions, admissions);
    worker.route("/socket.io/", sessions);
    EXPECT_TRUE(worker.listen());
    thread = std::thread([this] { worker.run(); });
  }
  ~AdmissionsTest() override {
    worker.stop();
    thread.join();
  }

  static web::WorkerOptions worker_options() {
    web::WorkerOptions options;
    options.address = {"127.0.0.1", 0};
    return options;
  }
  /// Runs `call` on the loop and returns what it returns.
  template <class Call>
  auto on_loop(Call call) {
    std::promise<decltype(call())> result;
    worker.loop().post([&] { result.set_value(call()); });
    return result.get_future().get();
  }
  /// A client whose CONNECT, with what else its auth holds, has been taken.
  std::unique_ptr<LoopbackClient> asking(const std::string& more = R"(,"lastEventTimestamp":1)",
                                         const std::string& user = "u1") {
    auto client = std::make_unique<LoopbackClient>(worker.port());
    client->open_websocket("/socket.io/?EIO=4&transport=websocket");
    EXPECT_THAT(client->read_frame(), testing::StartsWith("0{\"sid\":"));
    client->write_text("40{\"token\":\"" +
                       access::sign_hs256("secret", R"({"sub":")" + user + "\"}") + "\"" + more +
                       "}");
    client->write(LoopbackClient::frame("taken", '\x89'));
    EXPECT_EQ(client->read_frame(), "taken");
    return client;
  }
  /// One that is in, and has a pid.
  std::unique_ptr<LoopbackClient> member(std::string& pid, const std::string& more = {}) {
    auto client = asking(more);
    look_up();
    while (answer()) {
    }
    const std::string connect = client->read_frame();
    EXPECT_THAT(connect, testing::StartsWith("40{\"sid\":"));
    const std::string catchup = client->read_frame();
    EXPECT_THAT(catchup, testing::StartsWith("42[\"catchup\","));
    offset = json::unquote(json::elements(catchup.substr(2))->back()).value();
    pid = json::unquote(*json::member(std::string_view(connect).substr(2), "pid")).value();
    return client;
  }
  /// One that came while the history did not answer, which it still does not.
  std::unique_ptr<LoopbackClient> admitted_blindly() {
    on_loop([this] { return history.up = false; });
    auto client = asking("");
    look_up();
    EXPECT_THAT(client->read_frame(), testing::StartsWith("40{\"sid\":"));
    EXPECT_THAT(client->read_frame(), testing::StartsWith("42[\"catchup\","));
    return client;
  }
  static WallTime time_of(const std::string& frame) {
    const auto at = frame.find("\"timestamp\":\"");
    return parse_time(frame.substr(at + 13, 24)).value_or(0);
  }
  /// What the official client adds to its auth.
  [[nodiscard]] std::string cursor(const std::string& pid) const {
    return R"(,"pid":")" + pid + R"(","offset":")" + offset + '"';
  }
  /// Answers the oldest look-up with a member of p1; false if none comes.
  bool look_up() {
    for (int turn = 0; turn < 1000; ++turn) {
      if (answer_look_up()) return true;
    }
    return false;
  }
  bool answer_look_up() {
    return on_loop([this] {
      if (memberships.open.empty()) return false;
      const auto [user, done] = std::move(memberships.open.front());
      memberships.open.pop_front();
      done(std::optional(access::User{user, "", "", true, programs_of_user}));
      return true;
    });
  }
  void publish(const std::string& event, std::size_t bytes = 0) {
    on_loop([&] {
      const std::string data = ",\"data\":\"" + std::string(bytes, 'x') + "\"}";
      history.append({"p1", Bytes("{\"event\":\"" + event + "\",\"programId\":\"p1\"" + data), {}},
                     [](const auto&) {});
      return true;
    });
  }
  /// As if every client had got a ping and answered it.
  void ping_all() {
    on_loop([this] {
      for (const Key socket : sockets.all(sockets::main_namespace)) {
        admissions.pinged(socket);
        admissions.ponged(socket);
      }
      return true;
    });
  }
  /// The time of the next batch of positions comes.
  void save_positions() {
    on_loop([this] {
      admissions.tick(admissions.deadline());
      return true;
    });
  }
  std::size_t sockets_open() {
    return on_loop([this] { return sockets.all(sockets::main_namespace).size(); });
  }
  std::map<std::string, std::string> kept() {
    return on_loop([this] { return history.kept; });
  }
  std::size_t asked() {
    return on_loop([this] { return history.asked; });
  }
  /// Answers the oldest read; false if there is none.
  bool answer() {
    return on_loop([this] {
      if (history.open.empty()) return false;
      auto [reads, done] = std::move(history.open.front());
      history.open.pop_front();
      history.store.read(std::move(reads), done);
      return true;
    });
  }

  web::Worker worker{worker_options(), {}};
  Random random = Random::secure();
  socketio::ClientOptions client_options;
  sockets::Sockets sockets{worker, client_options, random};
  sockets::Sessions sessions{worker, {}, {}, sockets, random};
  SlowMemberships memberships;
  SlowHistory history;
  access::Verifier verifier{{access::Key{"secret", {access::Algorithm::hs256}, {}}}, {}};
  gateway::PidSeal seal{"secret"};
  Delivery delivery{{worker, sessions, sockets, history}, {}};
  Owed owed;
  Admissions admissions{{worker, sessions, sockets, memberships, history, delivery, verifier, seal,
                         owed, [] { return WallTime{0}; }},
                        {}};
  std::string offset;  ///< Offset of the latest member().
  std::vector<std::string> programs_of_user{"p1"};
  std::thread thread;
};

}  // namespace crier::node
