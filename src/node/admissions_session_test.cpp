// Sessions of clients that cannot say where they stand.

#include "tests/support/admissions_fixture.hpp"

namespace crier::node {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST_F(AdmissionsTest, ASessionIsCaughtUpFromItsLastAnsweredPing) {
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

TEST_F(AdmissionsTest, ASessionIsNotAdmittedBeforeItsPositionIsKept) {
  on_loop([this] { return history.hold_take_overs = true; });
  const auto client = asking(R"(,"session":"device")");
  look_up();
  while (answer()) {
  }
  EXPECT_EQ(sockets_open(), 0U);
  EXPECT_EQ(on_loop([this] { return history.held.size(); }), 1U);
  publish("meanwhile:one");
  on_loop([this] {
    history.held.at(0)({});
    return true;
  });
  while (answer()) {
  }
  const std::string connect = client->read_frame();
  EXPECT_THAT(connect, StartsWith("40{\"sid\":"));
  EXPECT_THAT(client->read_frame(), HasSubstr(R"("replayed":0,"programs":{"p1":"joined"})"));
  const auto taken_over = on_loop([this] { return history.taken_over; });
  ASSERT_EQ(taken_over.size(), 1U);
  EXPECT_THAT(connect, HasSubstr(taken_over[0])) << "its socket holds the session";
  ping_all();
  save_positions();
  EXPECT_EQ(on_loop([this] { return history.saved; }), taken_over);
}

TEST_F(AdmissionsTest, ASessionWhosePositionIsRefusedIsAdmittedOnceItIsNot) {
  on_loop([this] { return history.takes_writes = false; });
  const auto client = asking(R"(,"session":"device")");
  for (std::size_t tries = 1; tries <= 2; ++tries) {
    look_up();
    while (answer()) {
    }
    EXPECT_EQ(sockets_open(), 0U);
    EXPECT_EQ(on_loop([this] { return history.taken_over.size(); }), tries);
    EXPECT_EQ(kept().at("u1/device"), "");
    on_loop([this, tries] {
      history.takes_writes = tries == 2;
      admissions.tick(admissions.deadline());
      return true;
    });
  }
  look_up();
  while (answer()) {
  }
  EXPECT_THAT(client->read_frame(), StartsWith("40{\"sid\":"));
  EXPECT_NE(kept().at("u1/device"), "");
}

TEST_F(AdmissionsTest, ARecoveredSocketMovesItsSessionToo) {
  std::string pid;
  {
    const auto away = member(pid);
    away->write(LoopbackClient::frame("", '\x88'));
    EXPECT_EQ(away->read(2), std::string("\x88\x00", 2));
  }
  const auto back = asking(cursor(pid) + R"(,"session":"device")");
  look_up();
  while (answer()) {
  }
  EXPECT_THAT(back->read_frame(), HasSubstr(pid));
  EXPECT_THAT(back->read_frame(), HasSubstr(R"("recovered":true)"));
  publish("seen:one");
  EXPECT_THAT(back->read_frame(), StartsWith(R"(42["seen:one",)"));
  ping_all();
  save_positions();
  const auto taken_over = on_loop([this] { return history.taken_over; });
  EXPECT_EQ(taken_over.size(), 1U);
  EXPECT_EQ(on_loop([this] { return history.saved; }), taken_over);
}

TEST_F(AdmissionsTest, ASessionThatComesBackAtOnceKeepsWhatItsPongMoved) {
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

TEST_F(AdmissionsTest, PositionsAreSavedInBatches) {
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

TEST_F(AdmissionsTest, ASessionStaysWhereItIsWhileItIsSentWhatItMissed) {
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

}  // namespace
}  // namespace crier::node
