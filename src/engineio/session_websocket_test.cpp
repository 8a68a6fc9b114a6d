#include "engineio/session_fixture.hpp"

namespace crier::engineio {
namespace {

class WebSocketSession : public SessionTest {
 protected:
  WebSocketSession() { open_websocket(); }
};

TEST_F(WebSocketSession, ReceivesTextBinaryAndBase64) {
  EXPECT_EQ(text(first_wire, "4hello"), Lines{"received hello"});
  EXPECT_EQ(text(first_wire, "4"), Lines{"received "});
  EXPECT_EQ(binary(first_wire, "raw"), Lines{"received binary raw"});
  EXPECT_EQ(binary(first_wire, ""), Lines{"received binary "});
  EXPECT_EQ(text(first_wire, "bcmF3"), Lines{"received binary raw"});
}

TEST_F(WebSocketSession, SendsMessagesWithTheFrameThatTheSenderHad) {
  EXPECT_EQ(send("4hello"), Lines{"wire 70 <- 4hello"});
  EXPECT_EQ(send_binary("raw"), Lines{"wire 70 <- binary raw"});
  EXPECT_EQ(send_outgoing({false, Bytes("4a"), Bytes("F"), false}),
            Lines{"wire 70 <- 4a framed F"});
  EXPECT_EQ(send_volatile("4a"), Lines{"wire 70 <- 4a"});
}

TEST_F(WebSocketSession, WhatTheClientMayNotSendEndsIt) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "parse error (malformed packet)"},
      {"abc", "parse error (malformed packet)"},
      {"7", "parse error (malformed packet)"},
      {"b!", "parse error (malformed packet)"},
      {"2", "transport error (invalid heartbeat direction)"},
      {"2probe", "transport error (invalid heartbeat direction)"},
      {"1", "transport close"},
  };
  for (const auto& [packet, reason] : cases) {
    Session fresh(options, "sid");
    Outputs out;
    fresh.open_websocket(7, now, out);
    out.clear();
    fresh.text(7, packet, now, out);
    EXPECT_EQ(lines(out), (Lines{"wire 7 closed", "closed: " + reason})) << packet;
  }
}

TEST_F(WebSocketSession, IgnoresPacketsThatAreTheServersAlone) {
  for (const std::string_view packet : {"0", "0{}", "5", "6", "6junk"}) {
    EXPECT_EQ(text(first_wire, packet), Lines{}) << packet;
  }
  EXPECT_FALSE(session.closed());
}

TEST_F(WebSocketSession, EndsWithItsWebSocket) {
  EXPECT_EQ(wire_lost(first_wire), Lines{"closed: transport close"});
}

TEST_F(WebSocketSession, ABrokenWebSocketIsATransportError) {
  EXPECT_EQ(wire_lost(first_wire, true), Lines{"closed: transport error"});
}

TEST_F(WebSocketSession, IgnoresWhatIsSaidOfOtherWires) {
  EXPECT_EQ(text(99, "1"), Lines{});
  EXPECT_EQ(binary(99, "x"), Lines{});
  EXPECT_EQ(wire_lost(99, true), Lines{});
  EXPECT_FALSE(session.closed());
}

TEST_F(WebSocketSession, ClosesAnotherWebSocketOfTheSameSid) {
  EXPECT_EQ(probe(71), Lines{"wire 71 closed"});
  EXPECT_EQ(text(first_wire, "4a"), Lines{"received a"});
}

TEST_F(WebSocketSession, AnswersPollingRequestsThatCrossedTheUpgrade) {
  const std::string bad = R"( <- 400 {"code":3,"message":"Bad request"})";
  EXPECT_EQ(poll(1, "t"), Lines{"1" + bad});
  EXPECT_EQ(post_started(2), Lines{"2" + bad});
  EXPECT_EQ(did([&](Outputs& out) { session.other_method(3, out); }), Lines{"3" + bad});
  EXPECT_EQ(answer_lost(1), Lines{});
  EXPECT_EQ(request_lost(1), Lines{});
  EXPECT_FALSE(session.closed());
}

}  // namespace
}  // namespace crier::engineio
