#include "tests/support/admissions_fixture.hpp"

namespace crier::node {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(AdmissionsTest, AStormOfClientsCostsOneReadOfTheHistoryAndOneLookUpAUser) {
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

TEST_F(AdmissionsTest, OneThatHasGoneWhileItWaitedIsNotMissed) {
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

TEST_F(AdmissionsTest, SendsConnectThenTheReplayThenCatchupThenWhatIsNew) {
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

TEST_F(AdmissionsTest, AProgramThatIsOwedAGapMarkerIsNotWhole) {
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

TEST_F(AdmissionsTest, AClaimTakesThePidOver) {
  std::string pid;
  const auto first = member(pid);
  const auto second = asking(cursor(pid));
  look_up();
  EXPECT_TRUE(first->closed());
  while (answer()) {
  }
  EXPECT_THAT(second->read_frame(), HasSubstr(pid));
}

TEST_F(AdmissionsTest, OfTwoThatClaimAtOnceTheLaterStays) {
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

TEST_F(AdmissionsTest, ClaimsThatWereMissedAreAskedForUntilTheStoreAnswers) {
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
    admissions.tick(admissions.deadline());
    return true;
  });
  EXPECT_EQ(asked_fences(), before + 2);
  on_loop([this] {
    admissions.tick(TimePoint::max() - std::chrono::seconds(1));
    return true;
  });
  EXPECT_EQ(asked_fences(), before + 2);
}

TEST_F(AdmissionsTest, WithoutTheHistoryMembersAreAdmittedWithoutAPid) {
  on_loop([this] { return history.up = false; });
  const auto client = asking("");
  look_up();
  EXPECT_THAT(client->read_frame(), AllOf(StartsWith("40{\"sid\":"), Not(HasSubstr("pid"))));
  EXPECT_EQ(client->read_frame(),
            R"(42["catchup",{"recovered":false,"replayed":0,"programs":{"p1":"joined"}}])");
}

TEST_F(AdmissionsTest, AUserWithoutProgramsGetsNoPosition) {
  std::string pid;
  member(pid);  // so that the epoch is known
  programs_of_user.clear();
  const auto client = asking("");
  look_up();
  EXPECT_THAT(client->read_frame(), StartsWith("40{\"sid\":"));
  EXPECT_EQ(client->read_frame(), R"(42["catchup",{"recovered":false,"replayed":0,"programs":{}}])")
      << "or its cursor could go back";
}

TEST_F(AdmissionsTest, OneThatWasAdmittedBlindlyAmongOthersIsClosedToo) {
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

TEST_F(AdmissionsTest, OneThatWasAdmittedBlindlyGetsNoNumberThatIsBeyondWhatItLacks) {
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
TEST_F(AdmissionsTest, AnEventWithoutANumberHasATimeJustBeforeTheLatestThatHasOne) {
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

TEST_F(AdmissionsTest, AnEventWithoutANumberPassesNothingThatOneAdmittedBlindlyDidNotGet) {
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

TEST_F(AdmissionsTest, OnesThatWereAdmittedBlindlyAreClosedWhenTheHistoryIsThere) {
  const auto blind = admitted_blindly();
  on_loop([this] { return history.up = true; });
  std::string pid;
  const auto next = member(pid);
  EXPECT_TRUE(blind->closed());
}

}  // namespace
}  // namespace crier::node
