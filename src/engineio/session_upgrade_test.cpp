#include "engineio/session_fixture.hpp"

namespace crier::engineio {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Upgrade : public SessionTest {
 protected:
  static constexpr WireId wire = 9;

  Upgrade() {
    options.ping_interval = seconds(25);
    options.ping_timeout = seconds(20);
    open_polling();
  }
  void probed() {
    probe(wire);
    text(wire, "2probe");
  }
};

TEST_F(Upgrade, GoesThroughProbeAndUpgrade) {
  EXPECT_EQ(probe(wire), Lines{});
  EXPECT_EQ(text(wire, "2probe"), Lines{"wire 9 <- 3probe"});
  EXPECT_EQ(poll(1), Lines{"1 <- 200 6"});
  EXPECT_EQ(session.transport(), TransportKind::polling);
  EXPECT_FALSE(session.direct());
  EXPECT_EQ(text(wire, "5"), Lines{"upgraded 9"});
  EXPECT_EQ(session.transport(), TransportKind::websocket);
  EXPECT_TRUE(session.direct());
  EXPECT_EQ(session.wire(), wire);
  EXPECT_EQ(text(wire, "4hello"), Lines{"received hello"});
  EXPECT_EQ(send("4hello"), Lines{"wire 9 <- 4hello"});
}

TEST_F(Upgrade, TheProbeFreesAPendingPoll) {
  poll(1);
  EXPECT_EQ(probe(wire), Lines{});
  EXPECT_EQ(text(wire, "2probe"), (Lines{"wire 9 <- 3probe", "1 <- 200 6"}));
}

TEST_F(Upgrade, APollDuringTheProbeGetsDataRatherThanANoop) {
  probed();
  send("4a");
  EXPECT_EQ(poll(1), Lines{"1 <- 200 4a"});
}

TEST_F(Upgrade, AClientThatKeepsPollingIsFreedAtAMeasuredPace) {
  probed();
  EXPECT_EQ(poll(1), Lines{"1 <- 200 6"});
  EXPECT_EQ(poll(2), Lines{});
  EXPECT_EQ(session.deadline(), now + milliseconds(100));
  EXPECT_EQ(after(milliseconds(99)), Lines{});
  EXPECT_EQ(after(milliseconds(1)), Lines{"2 <- 200 6"});
  EXPECT_EQ(poll(3), Lines{});
  EXPECT_EQ(send("4a"), Lines{"3 <- 200 4a"});
}

TEST_F(Upgrade, BeforeTheProbeAPollWaitsAsEver) {
  probe(wire);
  EXPECT_EQ(poll(1), Lines{});
}

TEST_F(Upgrade, IsAcceptedWithoutAProbe) {
  probe(wire);
  EXPECT_EQ(text(wire, "5"), Lines{"upgraded 9"});
}

TEST_F(Upgrade, AProbeMayBeRepeated) {
  probed();
  EXPECT_EQ(text(wire, "2probe"), Lines{"wire 9 <- 3probe"});
}

TEST_F(Upgrade, MovesWhatIsBufferedToTheWebSocket) {
  probed();
  send("4one");
  send_binary("two");
  send_outgoing({false, Bytes("4three"), Bytes("F"), false});
  EXPECT_EQ(text(wire, "5"), (Lines{"upgraded 9", "wire 9 <- 4one", "wire 9 <- binary two",
                                    "wire 9 <- 4three framed F"}));
}

TEST_F(Upgrade, FreesAPollThatIsStillPendingWithANoop) {
  probe(wire);
  poll(1);
  EXPECT_EQ(text(wire, "5"), (Lines{"1 <- 200 6", "upgraded 9"}));
}

TEST_F(Upgrade, AbortsAPostThatIsUnderWay) {
  probe(wire);
  post_started(1);
  EXPECT_EQ(text(wire, "5"), (Lines{"1 aborted", "upgraded 9"}));
  EXPECT_EQ(post_body(1, "4a"), Lines{});
}

TEST_F(Upgrade, APollAfterItIsRefused) {
  probed();
  text(wire, "5");
  EXPECT_EQ(poll(1), Lines{R"(1 <- 400 {"code":3,"message":"Bad request"})"});
  EXPECT_EQ(text(wire, "4hello"), Lines{"received hello"});
}

TEST_F(Upgrade, ClosesASecondWebSocketAndGoesOnWithTheFirst) {
  probe(wire);
  EXPECT_EQ(probe(10), Lines{"wire 10 closed"});
  EXPECT_EQ(text(10, "5"), Lines{});
  EXPECT_EQ(text(wire, "2probe"), Lines{"wire 9 <- 3probe"});
  EXPECT_EQ(probe(11), Lines{"wire 11 closed"});
  EXPECT_EQ(text(wire, "5"), Lines{"upgraded 9"});
  EXPECT_EQ(probe(12), Lines{"wire 12 closed"});
}

TEST_F(Upgrade, AnyOtherPacketClosesTheProbingWebSocketOnly) {
  for (const std::string_view packet :
       {"", "2", "2prob", "2probes", "3probe", "4hi", "1", "0", "6", "b", "x"}) {
    EXPECT_EQ(probe(wire), Lines{});
    EXPECT_EQ(text(wire, packet), Lines{"wire 9 closed"}) << packet;
  }
  EXPECT_EQ(probe(wire), Lines{});
  EXPECT_EQ(binary(wire, "2probe"), Lines{"wire 9 closed"});
  probed();
  EXPECT_EQ(text(wire, "4hi"), Lines{"wire 9 closed"});
  EXPECT_EQ(post(1, "4a"), (Lines{"received a", "1 <- 200 ok"}));
}

TEST_F(Upgrade, ATimeoutClosesTheProbingWebSocketOnly) {
  probed();
  EXPECT_EQ(session.deadline(), now + seconds(10));
  EXPECT_EQ(after(milliseconds(9'999)), Lines{});
  EXPECT_EQ(after(milliseconds(1)), Lines{"wire 9 closed"});
  EXPECT_EQ(text(wire, "5"), Lines{});
  EXPECT_EQ(poll(1), Lines{});
  EXPECT_EQ(probe(10), Lines{});
  EXPECT_EQ(text(10, "5"), (Lines{"1 <- 200 6", "upgraded 10"}));
}

// CVE-2022-41940: a reset during an upgrade ended the process.
TEST_F(Upgrade, TheLossOfTheProbingWebSocketAbandonsIt) {
  for (const bool error : {false, true}) {
    probed();
    EXPECT_EQ(wire_lost(wire, error), Lines{});
  }
  EXPECT_EQ(poll(1), Lines{});
  EXPECT_EQ(send("4a"), Lines{"1 <- 200 4a"});
}

TEST_F(Upgrade, TheEndOfTheSessionClosesTheProbingWebSocket) {
  probed();
  EXPECT_EQ(post(1, "1"), (Lines{"1 <- 200 ok", "wire 9 closed", "closed: transport close"}));
  EXPECT_EQ(text(wire, "5"), Lines{});
}

TEST_F(Upgrade, AnEndBetweenTheProbeAndTheUpgradeLeavesTheWebSocketToTheClientsNextWord) {
  probed();
  EXPECT_EQ(close_now(), (Lines{"wire 9 closes", "closed: forced close"}));
}

TEST_F(Upgrade, AnEndWithAPollInHandIsToldByThePoll) {
  probed();
  poll(1);
  poll(2);
  EXPECT_EQ(close_now(), (Lines{"2 <- 200 1", "wire 9 closed", "closed: forced close"}));
}

TEST_F(Upgrade, DuringACloseItDeliversTheRestAndEnds) {
  probed();
  send("4last");
  EXPECT_EQ(close(), Lines{});
  EXPECT_EQ(text(wire, "5"), (Lines{"wire 9 <- 4last", "wire 9 closed", "closed: forced close"}));
}

TEST_F(Upgrade, DuringACloseAPollStillGetsItsClose) {
  probed();
  send("4last");
  close();
  EXPECT_EQ(poll(1, "a"), Lines{"1 <- 200 4last"});
  EXPECT_EQ(poll(2, "b"), (Lines{"2 <- 200 1", "wire 9 closed", "closed: forced close"}));
}

TEST_F(Upgrade, APongOwedAtTheUpgradeIsWaitedForAnew) {
  EXPECT_EQ(after(seconds(25)), Lines{});
  EXPECT_EQ(poll(1), Lines{"1 <- 200 2"});
  after(seconds(19));
  probed();
  text(wire, "5");
  EXPECT_EQ(session.deadline(), now + seconds(20));
  EXPECT_EQ(text(wire, "3"), Lines{});
  EXPECT_EQ(session.deadline(), now + seconds(25));
}

TEST_F(Upgrade, APingThatWaitedForAPollGoesOverTheWebSocket) {
  after(seconds(25));
  probe(wire);
  EXPECT_EQ(text(wire, "5"), (Lines{"upgraded 9", "wire 9 <- 2"}));
}

// No message may be lost between the transports.

TEST_F(Upgrade, AfterALostAnswerTheSessionEndsInsteadOfGoingOn) {
  poll(1, "a");
  send("4x");
  probed();
  EXPECT_EQ(answer_lost(1), Lines{});
  EXPECT_EQ(
      text(wire, "5"),
      (Lines{"wire 9 closed", "closed: transport error (the last poll's answer may be lost)"}));
}

TEST_F(Upgrade, AfterALostAnswerThatWasFetchedAgainItGoesOn) {
  poll(1, "a");
  send("4x");
  probed();
  answer_lost(1);
  EXPECT_EQ(poll(2, "a"), Lines{"2 <- 200 4x"});
  EXPECT_EQ(text(wire, "5"), Lines{"upgraded 9"});
}

TEST_F(Upgrade, AfterALostAnswerAndThePollThatFollowsItItGoesOn) {
  poll(1, "a");
  send("4x");
  answer_lost(1);
  probed();
  EXPECT_EQ(poll(2, "b"), Lines{"2 <- 200 6"});
  EXPECT_EQ(text(wire, "5"), Lines{"upgraded 9"});
}

TEST_F(Upgrade, AfterALostAnswerAPollThatStillWaitsShowsThatItArrived) {
  poll(1, "a");
  send("4x");
  answer_lost(1);
  EXPECT_EQ(poll(2, "b"), Lines{});
  probe(wire);
  EXPECT_EQ(text(wire, "5"), (Lines{"2 <- 200 6", "upgraded 9"}));
}

TEST_F(Upgrade, ALostNoopIsNoLoss) {
  probed();
  EXPECT_EQ(poll(1), Lines{"1 <- 200 6"});
  EXPECT_EQ(answer_lost(1), Lines{});
  EXPECT_EQ(text(wire, "5"), Lines{"upgraded 9"});
}

TEST_F(Upgrade, ItsPacketProvesThatTheLastAnswerArrived) {
  poll(1, "a");
  send("4x");
  probed();
  EXPECT_EQ(text(wire, "5"), Lines{"upgraded 9"});
  EXPECT_EQ(answer_lost(1), Lines{});
  EXPECT_FALSE(session.closed());
}

}  // namespace
}  // namespace crier::engineio
