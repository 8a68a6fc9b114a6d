// What holds over either transport: opening, heartbeat, closing from above.

#include "engineio/session_fixture.hpp"

namespace crier::engineio {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

TEST_F(SessionTest, PollingAnswersTheHandshakeWithTheOpenPacket) {
  Outputs out;
  session.open_polling(1, now, out);
  ASSERT_EQ(out.size(), 1U);
  const auto& reply = std::get<Reply>(out.front());
  EXPECT_EQ(reply.content_type, "text/plain; charset=UTF-8");
  EXPECT_EQ(line(out.front()),
            R"(1 <- 200 0{"sid":"sid_of_20_characters","upgrades":["websocket"],)"
            R"("pingInterval":300,"pingTimeout":200,"maxPayload":1000000})");
  EXPECT_EQ(session.transport(), TransportKind::polling);
  EXPECT_FALSE(session.direct());
  EXPECT_EQ(session.wire(), 0U);
  EXPECT_EQ(session.sid(), "sid_of_20_characters");
}

TEST_F(SessionTest, WebSocketIsSentTheOpenPacketWithoutUpgrades) {
  Outputs out;
  session.open_websocket(7, now, out);
  EXPECT_THAT(lines(out),
              ElementsAre(R"(wire 7 <- 0{"sid":"sid_of_20_characters","upgrades":[],)"
                          R"("pingInterval":300,"pingTimeout":200,"maxPayload":1000000})"));
  EXPECT_EQ(session.transport(), TransportKind::websocket);
  EXPECT_TRUE(session.direct());
  EXPECT_EQ(session.wire(), 7U);
}

TEST_F(SessionTest, AnnouncesNoUpgradeWhereNoneIsAllowed) {
  options.allow_upgrades = false;
  Outputs out;
  session.open_polling(1, now, out);
  EXPECT_NE(line(out.front()).find(R"("upgrades":[])"), std::string::npos);
}

TEST_F(SessionTest, HasNoDeadlineBeforeItOpensAndAfterItCloses) {
  EXPECT_EQ(session.deadline(), never);
  open_websocket();
  EXPECT_EQ(session.deadline(), now + milliseconds(300));
  close();
  EXPECT_EQ(session.deadline(), never);
}

TEST_F(SessionTest, PingsOverPollingAndGoesOnWithThePong) {
  open_polling();
  for (RequestId round = 1; round <= 3; ++round) {
    EXPECT_EQ(poll(round), Lines{});
    EXPECT_EQ(after(milliseconds(299)), Lines{});
    EXPECT_EQ(after(milliseconds(1)), Lines{std::to_string(round) + " <- 200 2"});
    EXPECT_EQ(post(round + 100, "3"), Lines{std::to_string(round + 100) + " <- 200 ok"});
  }
}

TEST_F(SessionTest, PingsOverWebSocketAndGoesOnWithThePong) {
  open_websocket();
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(after(milliseconds(300)), Lines{"wire 70 <- 2"});
    EXPECT_EQ(after(milliseconds(199)), Lines{});
    EXPECT_EQ(text(first_wire, "3"), Lines{});
  }
}

TEST_F(SessionTest, SaysWhenAPingIsOutAndWhenItIsAnswered) {
  for (const bool polling : {true, false}) {
    Session fresh(options, "sid");
    Outputs out;
    if (polling) {
      fresh.open_polling(1, now, out);
    } else {
      fresh.open_websocket(first_wire, now, out);
    }
    out.clear();
    const auto hear_pong = [&](RequestId request) {
      out.clear();
      if (!polling) return fresh.text(first_wire, "3", now, out);
      fresh.post_started(request, now, out);
      fresh.post(request, "", "3", now, out);
    };
    fresh.send({false, Bytes("4a"), {}, false}, now, out);
    now = fresh.deadline();
    fresh.tick(now, out);
    EXPECT_EQ(all_lines(out),
              polling ? Lines{"pinged"} : (Lines{"wire 70 <- 4a", "wire 70 <- 2", "pinged"}));
    hear_pong(2);
    EXPECT_EQ(all_lines(out), polling ? (Lines{"ponged", "2 <- 200 ok"}) : Lines{"ponged"});
    hear_pong(3);
    EXPECT_EQ(all_lines(out), polling ? Lines{"3 <- 200 ok"} : Lines{}) << "one that nobody awaits";
  }
}

TEST_F(SessionTest, ClosesWhenThePongDoesNotCome) {
  open_websocket();
  EXPECT_EQ(after(milliseconds(499)), Lines{"wire 70 <- 2"});
  EXPECT_EQ(after(milliseconds(1)), (Lines{"wire 70 closed", "closed: ping timeout"}));
  EXPECT_TRUE(session.closed());
}

TEST_F(SessionTest, PollingIsOverExactlyWhenIntervalAndTimeoutHavePassed) {
  open_polling();
  EXPECT_EQ(after(milliseconds(499)), Lines{});
  EXPECT_EQ(after(milliseconds(1)), Lines{"closed: ping timeout"});
  EXPECT_EQ(poll(1), Lines{R"(1 <- 400 {"code":1,"message":"Session ID unknown"})"});
}

TEST_F(SessionTest, APollThatIsEarlierThanTheDueTickFindsTheSessionOver) {
  open_polling();
  after(milliseconds(300));
  now += milliseconds(200);
  EXPECT_EQ(poll(1), (Lines{R"(1 <- 400 {"code":1,"message":"Session ID unknown"})",
                            "closed: ping timeout"}));
}

TEST_F(SessionTest, ALateTickDoesNotDelayThePingTimeout) {
  open_websocket();
  const TimePoint opened = now;
  now += milliseconds(307);
  EXPECT_EQ(tick(), Lines{"wire 70 <- 2"});
  EXPECT_EQ(session.deadline(), opened + milliseconds(500));
}

TEST_F(SessionTest, ALoopThatStoodStillGivesTheClientTheWholePingTimeout) {
  open_websocket();
  now += std::chrono::hours(1);
  EXPECT_EQ(tick(), Lines{"wire 70 <- 2"});
  EXPECT_EQ(session.deadline(), now + milliseconds(200));
}

TEST_F(SessionTest, AnotherPacketDuringTheWaitForThePongProlongsItOnce) {
  open_websocket();
  after(milliseconds(300));
  after(milliseconds(150));
  EXPECT_EQ(text(first_wire, "4a"), Lines{"received a"});
  EXPECT_EQ(after(milliseconds(150)), Lines{});
  EXPECT_EQ(binary(first_wire, "b"), Lines{"received binary b"});
  EXPECT_EQ(after(milliseconds(50)), (Lines{"wire 70 closed", "closed: ping timeout"}));
}

TEST_F(SessionTest, ABinaryMessageProlongsTheWaitForThePongToo) {
  open_websocket();
  after(milliseconds(450));
  EXPECT_EQ(binary(first_wire, "b"), Lines{"received binary b"});
  EXPECT_EQ(session.deadline(), now + milliseconds(200));
}

TEST_F(SessionTest, AnUnaskedPongMovesTheNextPing) {
  open_websocket();
  after(milliseconds(200));
  EXPECT_EQ(text(first_wire, "3"), Lines{});
  EXPECT_EQ(session.deadline(), now + milliseconds(300));
}

TEST_F(SessionTest, ATickBeforeTheDeadlineDoesNothing) {
  open_polling();
  poll(1);
  now += milliseconds(299);
  EXPECT_EQ(tick(), Lines{});
}

TEST_F(SessionTest, ACloseOverWebSocketIsAtOnceAndItsReasonTheCallers) {
  open_websocket();
  EXPECT_EQ(close(CloseReason::slow_reader), (Lines{"wire 70 closed", "closed: slow reader"}));
  EXPECT_EQ(close(), Lines{});
  EXPECT_EQ(session.wire(), 0U);
  EXPECT_FALSE(session.direct());
}

TEST_F(SessionTest, NothingIsSentOrReceivedAfterTheClose) {
  open_websocket();
  close();
  EXPECT_EQ(send("4a"), Lines{});
  EXPECT_EQ(text(first_wire, "4a"), Lines{});
  EXPECT_EQ(binary(first_wire, "a"), Lines{});
  EXPECT_EQ(wire_lost(first_wire), Lines{});
  EXPECT_EQ(tick(), Lines{});
  EXPECT_EQ(post_body(4, "4a"), Lines{});
  EXPECT_EQ(request_lost(4), Lines{});
}

TEST_F(SessionTest, RequestsAndWebSocketsAfterTheCloseAreTurnedAway) {
  open_polling();
  close_now();
  const std::string unknown = R"( <- 400 {"code":1,"message":"Session ID unknown"})";
  EXPECT_EQ(poll(1, "t"), Lines{"1" + unknown});
  EXPECT_EQ(post_started(2), Lines{"2" + unknown});
  EXPECT_EQ(did([&](Outputs& out) { session.other_method(3, out); }), Lines{"3" + unknown});
  EXPECT_EQ(probe(8), Lines{"wire 8 closed"});
}

TEST_F(SessionTest, ReasonsAreNamedAsNodeNamesThem) {
  EXPECT_EQ(to_string(CloseReason::ping_timeout), "ping timeout");
  EXPECT_EQ(to_string(CloseReason::parse_error), "parse error");
  EXPECT_EQ(to_string(CloseReason::transport_error), "transport error");
  EXPECT_EQ(to_string(CloseReason::transport_close), "transport close");
  EXPECT_EQ(to_string(CloseReason::forced_close), "forced close");
  EXPECT_EQ(to_string(CloseReason::slow_reader), "slow reader");
}

TEST_F(SessionTest, KeepsItsStateWhenItIsMoved) {
  open_polling();
  send("4a");
  Session moved = std::move(session);
  EXPECT_EQ(did([&](Outputs& out) { moved.poll(1, "", now, out); }), Lines{"1 <- 200 4a"});
}

}  // namespace
}  // namespace crier::engineio
