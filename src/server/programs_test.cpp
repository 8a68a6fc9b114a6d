#include "server/programs.hpp"

#include "base/json_text.hpp"
#include "base/time.hpp"
#include "history/memory_store.hpp"
#include "server/delivery.hpp"
#include "server/loopback_client.hpp"

#include <deque>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <thread>

namespace crier::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

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
  using Read = std::function<void(Result<history::ReadReply, history::StoreError>)>;
  void append(history::AppendRequest request,
              std::function<void(Result<history::Appended, history::StoreError>)> done) override {
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
  void listen(history::Listener& listener) override { store.listen(listener); }
  void subscribe(const std::string& program) override { store.subscribe(program); }
  void unsubscribe(const std::string& program) override { store.unsubscribe(program); }
  void probe(std::function<void(bool)> done) override { store.probe(std::move(done)); }
  void listen_again() override { store.listen_again(); }
  [[nodiscard]] bool hears() const override { return up; }
  void claim(const std::string& sid,
             std::function<void(Result<history::Fence, history::StoreError>)> done) override {
    store.claim(sid, std::move(done));
  }
  void fences(
      std::vector<std::string> sids,
      std::function<void(Result<std::vector<history::Fence>, history::StoreError>)> done) override {
    ++fences_asked;
    if (!up) return done(Unexpected{history::StoreError::unavailable});
    store.fences(std::move(sids), std::move(done));
  }

  void save_positions(std::vector<history::SessionPosition> positions) override {
    for (auto& position : positions) kept[position.user + "/" + position.session] = position.value;
  }
  void load_position(const std::string& user, const std::string& session,
                     std::function<void(Result<std::string, history::StoreError>)> done) override {
    done(kept[user + "/" + session]);
  }

  WallTime clock = 1'000'000'000;
  history::MemoryStore store{{}, [this] { return clock += 1000; }, Random::seeded(7)};
  bool up = true;
  std::map<std::string, std::string> kept;
  std::size_t asked = 0;
  std::size_t fences_asked = 0;
  std::deque<std::pair<std::vector<history::ReadRequest>, Read>> open;
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
    EXPECT_THAT(client->read_frame(), StartsWith("0{\"sid\":"));
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
    EXPECT_THAT(connect, StartsWith("40{\"sid\":"));
    const std::string catchup = client->read_frame();
    EXPECT_THAT(catchup, StartsWith("42[\"catchup\","));
    offset = json::unquote(json::elements(catchup.substr(2))->back()).value();
    pid = json::unquote(*json::member(std::string_view(connect).substr(2), "pid")).value();
    return client;
  }
  /// One that came while the history did not answer, which it still does not.
  std::unique_ptr<LoopbackClient> admitted_blindly() {
    on_loop([this] { return history.up = false; });
    auto client = asking("");
    look_up();
    EXPECT_THAT(client->read_frame(), StartsWith("40{\"sid\":"));
    EXPECT_THAT(client->read_frame(), StartsWith("42[\"catchup\","));
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
      for (const Key socket : sockets.all(main_namespace)) {
        programs.pinged(socket);
        programs.ponged(socket);
      }
      return true;
    });
  }
  /// The time of the next batch of positions comes.
  void save_positions() {
    on_loop([this] {
      programs.tick(programs.deadline());
      return true;
    });
  }
  std::size_t sockets_open() {
    return on_loop([this] { return sockets.all(main_namespace).size(); });
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

  Worker worker{worker_options(), {}};
  Random random = Random::secure();
  socketio::ClientOptions client_options;
  Sockets sockets{worker, client_options, random};
  Engine engine{worker, {}, {}, sockets, random};
  SlowMemberships memberships;
  SlowHistory history;
  access::Verifier verifier{{access::Key{"secret", {access::Algorithm::hs256}, {}}}, {}};
  gateway::PidSeal seal{"secret"};
  Delivery delivery{{worker, engine, sockets, history}, {}};
  Owed owed;
  Programs programs{{worker, engine, sockets, memberships, history, delivery, verifier, seal, owed,
                     [] { return WallTime{0}; }},
                    {}};
  std::string offset;  ///< Of the latest member().
  std::vector<std::string> programs_of_user{"p1"};
  std::thread thread;
};

TEST_F(ProgramsTest, AStormOfClientsCostsOneReadOfTheHistoryAndOneLookUpAUser) {
  std::vector<std::unique_ptr<LoopbackClient>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(asking());
  // The first look-up began before the others came, so it does not answer them.
  EXPECT_TRUE(look_up());
  EXPECT_TRUE(look_up());
  EXPECT_FALSE(look_up());
  EXPECT_EQ(asked(), 1U);
  EXPECT_TRUE(answer());
  EXPECT_FALSE(answer());
  for (const auto& client : clients) {
    EXPECT_THAT(client->read_frame(), StartsWith("40{\"sid\":"));
  }
}

TEST_F(ProgramsTest, OneThatHasGoneWhileItWaitedIsNotMissed) {
  const auto first = asking();
  const auto second = asking();
  look_up();
  look_up();
  first->write(LoopbackClient::frame("", '\x88'));
  EXPECT_EQ(first->read(2), std::string("\x88\x00", 2));
  while (answer()) {
  }
  EXPECT_THAT(second->read_frame(), StartsWith("40{\"sid\":"));
}

TEST_F(ProgramsTest, SendsConnectThenTheReplayThenCatchupThenWhatIsNew) {
  std::string pid;
  {
    const auto away = member(pid);
    away->write(LoopbackClient::frame("", '\x88'));
    EXPECT_EQ(away->read(2), std::string("\x88\x00", 2));
  }
  publish("missed:one");
  const auto back = asking(cursor(pid));
  publish("missed:two");
  look_up();
  publish("new:one");
  EXPECT_THAT(back->read_frame(), AllOf(StartsWith("40{\"sid\":"), HasSubstr(pid)));
  EXPECT_THAT(back->read_frame(), StartsWith(R"(42["missed:one",)"));
  EXPECT_THAT(back->read_frame(), StartsWith(R"(42["missed:two",)"));
  EXPECT_THAT(
      back->read_frame(),
      StartsWith(
          R"(42["catchup",{"recovered":true,"replayed":2,"programs":{"p1":"recovered"}},")"));
  EXPECT_THAT(back->read_frame(), StartsWith(R"(42["new:one",)"));
}

TEST_F(ProgramsTest, AProgramThatIsOwedAGapMarkerIsNotWhole) {
  std::string pid;
  {
    const auto away = member(pid);
  }
  const auto come_back = [&] {
    auto back = asking(cursor(pid));
    look_up();
    while (answer()) {
    }
    return back;
  };
  owed.owe("another");
  {
    const auto back = come_back();
    EXPECT_THAT(back->read_frame(), AllOf(StartsWith("40{\"sid\":"), HasSubstr(pid)));
    EXPECT_THAT(back->read_frame(), HasSubstr(R"("p1":"recovered")"));
  }
  owed.owe("p1");
  const auto back = come_back();
  EXPECT_THAT(back->read_frame(), AllOf(StartsWith("40{\"sid\":"), Not(HasSubstr(pid))));
  EXPECT_THAT(back->read_frame(), HasSubstr(R"("p1":"gap")"));
}

TEST_F(ProgramsTest, AClaimTakesThePidOver) {
  std::string pid;
  const auto first = member(pid);
  const auto second = asking(cursor(pid));
  look_up();
  EXPECT_TRUE(first->closed());
  while (answer()) {
  }
  EXPECT_THAT(second->read_frame(), HasSubstr(pid));
}

TEST_F(ProgramsTest, OfTwoThatClaimAtOnceTheLaterStays) {
  std::string pid;
  {
    const auto away = member(pid);
  }
  const auto first = asking(cursor(pid));
  look_up();
  const auto second = asking(cursor(pid));
  look_up();
  EXPECT_TRUE(first->closed());
  while (answer()) {
  }
  EXPECT_THAT(second->read_frame(), HasSubstr(pid));
}

TEST_F(ProgramsTest, ClaimsThatWereMissedAreAskedForUntilTheStoreAnswers) {
  std::string pid;
  const auto client = member(pid);
  const auto asked_fences = [this] { return on_loop([this] { return history.fences_asked; }); };
  const std::size_t before = asked_fences();
  on_loop([this] {
    history.up = false;
    history.store.listen_again();
    return true;
  });
  EXPECT_EQ(asked_fences(), before + 1);
  on_loop([this] {
    history.up = true;
    programs.tick(programs.deadline());
    return true;
  });
  EXPECT_EQ(asked_fences(), before + 2);
  on_loop([this] {
    programs.tick(TimePoint::max() - std::chrono::seconds(1));
    return true;
  });
  EXPECT_EQ(asked_fences(), before + 2);
}

TEST_F(ProgramsTest, WithoutTheHistoryMembersAreAdmittedWithoutAPid) {
  on_loop([this] { return history.up = false; });
  const auto client = asking("");
  look_up();
  EXPECT_THAT(client->read_frame(), AllOf(StartsWith("40{\"sid\":"), Not(HasSubstr("pid"))));
  EXPECT_EQ(client->read_frame(),
            R"(42["catchup",{"recovered":false,"replayed":0,"programs":{"p1":"joined"}}])");
}

TEST_F(ProgramsTest, AUserWithoutProgramsGetsNoPosition) {
  std::string pid;
  member(pid);  // so that the epoch is known
  programs_of_user.clear();
  const auto client = asking("");
  look_up();
  EXPECT_THAT(client->read_frame(), StartsWith("40{\"sid\":"));
  EXPECT_EQ(client->read_frame(), R"(42["catchup",{"recovered":false,"replayed":0,"programs":{}}])")
      << "or its cursor could go back";
}

// Sessions of clients that cannot say where they stand.

TEST_F(ProgramsTest, ASessionIsCaughtUpFromItsLastAnsweredPing) {
  const auto frames_of = [this](std::size_t count) {
    const auto client = asking(R"(,"session":"device")");
    look_up();
    while (answer()) {
    }
    std::vector<std::string> frames;
    for (std::size_t i = 0; i < count; ++i) frames.push_back(client->read_frame());
    return frames;
  };
  EXPECT_THAT(frames_of(2)[1], HasSubstr(R"({"p1":"joined"})"));
  publish("missed:one");
  // Nobody knows that the first word was heard, so it is repeated, and nothing is lost.
  auto frames = frames_of(3);
  EXPECT_THAT(frames[0], StartsWith("40{\"sid\":"));
  EXPECT_THAT(frames[1], StartsWith(R"(42["missed:one",)"));
  EXPECT_THAT(frames[2], HasSubstr(R"("replayed":1,"programs":{"p1":"joined"})"));
  {
    const auto client = asking(R"(,"session":"device")");
    look_up();
    for (int i = 0; i < 3; ++i) client->read_frame();
    publish("seen:one");
    EXPECT_THAT(client->read_frame(), StartsWith(R"(42["seen:one",)"));
    ping_all();
  }
  publish("missed:two");
  frames = frames_of(3);
  EXPECT_THAT(frames[1], StartsWith(R"(42["missed:two",)")) << "what was before the ping is there";
  EXPECT_THAT(frames[2], HasSubstr(R"("replayed":1,"programs":{"p1":"recovered"})"));
}

TEST_F(ProgramsTest, ASessionThatComesBackAtOnceKeepsWhatItsPongMoved) {
  for (const bool seems_open : {false, true}) {
    const std::string auth = R"(,"session":")" + std::to_string(seems_open) + R"(")";
    const auto come = [&] {
      auto client = asking(auth);
      look_up();
      while (answer()) {
      }
      EXPECT_THAT(client->read_frame(), StartsWith("40{\"sid\":"));
      return client;
    };
    auto first = come();
    EXPECT_THAT(first->read_frame(), HasSubstr(R"({"p1":"joined"})"));
    publish("seen:one");
    EXPECT_THAT(first->read_frame(), StartsWith(R"(42["seen:one",)"));
    ping_all();
    if (!seems_open) {
      const auto before = kept();
      first->reset();
      for (int turn = 0; turn < 1000 && sockets_open() > 0; ++turn) {
      }
      EXPECT_EQ(sockets_open(), 0U);
      EXPECT_NE(kept(), before) << "another worker may be asked next";
    }
    publish("missed:one");
    // The same twice: an admission must not put the position back either.
    for (int i = 0; i < 2; ++i) {
      const auto client = come();
      EXPECT_THAT(client->read_frame(), StartsWith(R"(42["missed:one",)")) << seems_open;
      EXPECT_THAT(client->read_frame(), HasSubstr(R"("replayed":1,"programs":{"p1":"recovered"})"));
      client->reset();
    }
  }
}

TEST_F(ProgramsTest, PositionsAreSavedInBatches) {
  const auto client = asking(R"(,"session":"device")");
  look_up();
  while (answer()) {
  }
  client->read_frame();
  client->read_frame();
  const auto before = kept();
  publish("seen:one");
  ping_all();
  EXPECT_EQ(kept(), before);
  save_positions();
  EXPECT_NE(kept(), before);
}

TEST_F(ProgramsTest, ASessionStaysWhereItIsWhileItIsSentWhatItMissed) {
  const auto back = [this] {
    auto client = asking(R"(,"session":"device")");
    look_up();
    while (answer()) {
    }
    EXPECT_THAT(client->read_frame(), StartsWith("40{\"sid\":"));
    return client;
  };
  {
    const auto client = back();
    EXPECT_THAT(client->read_frame(), HasSubstr(R"({"p1":"joined"})"));
    ping_all();
  }
  for (int i = 0; i < 50; ++i) publish("missed:one", 20'000);  // more than the kernel takes
  publish("missed:two");
  {
    const auto client = back();
    EXPECT_EQ(on_loop([this] { return delivery.replays().count(); }), 1U);
    ping_all();
    client->reset();
  }
  const auto client = back();
  for (int i = 0; i < 50; ++i) {
    ASSERT_THAT(client->read_frame().substr(0, 40), StartsWith(R"(42["missed:one",)"));
  }
  EXPECT_THAT(client->read_frame(), StartsWith(R"(42["missed:two",)"));
}

TEST_F(ProgramsTest, OneThatWasAdmittedBlindlyAmongOthersIsClosedToo) {
  std::string pid;
  const auto other = member(pid);
  const auto blind = admitted_blindly();
  on_loop([this] {
    history.up = true;
    delivery.tick(worker.loop().now() + std::chrono::seconds(10));  // the next comparison
    return true;
  });
  while (answer()) {
  }
  EXPECT_TRUE(blind->closed());
  publish("new:one");
  EXPECT_THAT(other->read_frame(), StartsWith(R"(42["new:one",)"));
}

TEST_F(ProgramsTest, OneThatWasAdmittedBlindlyGetsNoNumberThatIsBeyondWhatItLacks) {
  std::string pid;
  const auto other = member(pid);
  const auto blind = admitted_blindly();
  on_loop([this] { return history.up = true; });
  publish("early:one");
  EXPECT_THAT(other->read_frame(), StartsWith(R"(42["early:one",)"));
  on_loop([this] {
    delivery.deliver_unnumbered("p1", R"({"event":"unnumbered:one","programId":"p1"})");
    return true;
  });
  EXPECT_THAT(other->read_frame(), StartsWith(R"(42["unnumbered:one",)"));
  EXPECT_THAT(blind->read_frame(), StartsWith(R"(42["unnumbered:one",)"));
}

// Else its time would be a cursor beyond what was published elsewhere and did not come.
TEST_F(ProgramsTest, AnEventWithoutANumberHasATimeJustBeforeTheLatestThatHasOne) {
  std::string pid;
  const auto client = member(pid);
  for (const char* name : {"one:first", "one:second"}) {
    publish(name);
    const std::string numbered = client->read_frame();
    EXPECT_THAT(numbered, HasSubstr(name));
    on_loop([this] {
      delivery.deliver_unnumbered("p1", R"({"event":"unnumbered:one","programId":"p1"})");
      return true;
    });
    const std::string unnumbered = client->read_frame();
    EXPECT_THAT(unnumbered, StartsWith(R"(42["unnumbered:one",)"));
    EXPECT_EQ(time_of(unnumbered), time_of(numbered) - 1'000);
  }
}

TEST_F(ProgramsTest, AnEventWithoutANumberPassesNothingThatOneAdmittedBlindlyDidNotGet) {
  std::string pid;
  const auto other = member(pid);
  publish("early:one");
  const WallTime early = time_of(other->read_frame());
  const auto blind = admitted_blindly();
  on_loop([this] { return history.up = true; });
  publish("late:one");
  EXPECT_THAT(other->read_frame(), StartsWith(R"(42["late:one",)"));
  on_loop([this] {
    delivery.deliver_unnumbered("p1", R"({"event":"unnumbered:one","programId":"p1"})");
    return true;
  });
  EXPECT_EQ(time_of(blind->read_frame()), early - 1'000);
  EXPECT_EQ(time_of(other->read_frame()), early - 1'000);
}

TEST_F(ProgramsTest, OnesThatWereAdmittedBlindlyAreClosedWhenTheHistoryIsThere) {
  const auto blind = admitted_blindly();
  on_loop([this] { return history.up = true; });
  std::string pid;
  const auto next = member(pid);
  EXPECT_TRUE(blind->closed());
}

}  // namespace
}  // namespace crier::server
