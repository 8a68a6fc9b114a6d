#include "engineio/handshake.hpp"

#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::engineio {
namespace {

using namespace std::string_view_literals;

constexpr auto poller = "sid_of_the_poll_user"sv;
constexpr auto upgraded = "sid_of_the_ws_client"sv;

std::optional<TransportKind> transport_of(std::string_view sid) {
  if (sid == poller) return TransportKind::polling;
  if (sid == upgraded) return TransportKind::websocket;
  return std::nullopt;
}

/// Either the entry's or the error's name.
std::string outcome(const Attempt& attempt) {
  const auto admitted = admit(attempt, transport_of);
  if (!admitted) return std::string(message(admitted.error()));
  switch (*admitted) {
    case Entry::open_polling:
      return "open polling";
    case Entry::open_websocket:
      return "open websocket";
    case Entry::polling_request:
      return "polling request";
    case Entry::upgrade:
      return "upgrade";
  }
  return {};
}

using Text = std::optional<std::string_view>;

Attempt handshake(Text transport, bool upgrade = false) {
  return {true, upgrade, transport, std::nullopt, "4", ""};
}
Attempt request(Text transport, Text sid, bool upgrade = false) {
  return {true, upgrade, transport, sid, "4", ""};
}

TEST(Admit, OpensASessionOverEitherTransport) {
  EXPECT_EQ(outcome(handshake("polling")), "open polling");
  EXPECT_EQ(outcome(handshake("websocket", true)), "open websocket");
}

TEST(Admit, PassesRequestsAndUpgradesOfAPollingSession) {
  EXPECT_EQ(outcome(request("polling", poller)), "polling request");
  EXPECT_EQ(outcome(request("websocket", poller, true)), "upgrade");
  Attempt put = request("polling", poller);
  put.get = false;
  EXPECT_EQ(outcome(put), "polling request");
}

TEST(Admit, LeavesASecondUpgradeToTheSessionWhichClosesIt) {
  EXPECT_EQ(outcome(request("websocket", upgraded, true)), "upgrade");
}

TEST(Admit, RefusesUnknownTransports) {
  const std::string long_name(64 * 1024, 'p');
  for (const Text transport : {Text(), Text(""), Text("abc"), Text("webtransport"), Text("Polling"),
                               Text("polling "), Text("__proto__"), Text("constructor"),
                               Text("polling\0"sv), Text("\0"sv), Text(long_name)}) {
    EXPECT_EQ(outcome(handshake(transport)), "Transport unknown");
    EXPECT_EQ(outcome(handshake(transport, true)), "Transport unknown");
    EXPECT_EQ(outcome(request(transport, poller)), "Transport unknown");
    EXPECT_EQ(outcome(request(transport, poller, true)), "Transport unknown");
  }
}

// CVE-2023-31125 and CVE-2026-59724: a sid that names a property of every JavaScript object.
TEST(Admit, KnowsNoSidThatIsNotInTheTable) {
  const std::string long_sid(64 * 1024, 'A');
  const std::string with_nul = std::string(poller) + '\0';
  for (const std::string_view sid :
       {"__proto__"sv, "constructor"sv, "toString"sv, "hasOwnProperty"sv, "\0"sv, " "sv,
        std::string_view(long_sid), std::string_view(with_nul), poller.substr(1)}) {
    EXPECT_EQ(outcome(request("polling", sid)), "Session ID unknown");
    EXPECT_EQ(outcome(request("websocket", sid, true)), "Session ID unknown");
    Attempt post = request("polling", sid);
    post.get = false;
    EXPECT_EQ(outcome(post), "Session ID unknown");
  }
}

TEST(Admit, TakesAnEmptySidForNone) {
  EXPECT_EQ(outcome(request("polling", "")), "open polling");
  EXPECT_EQ(outcome(request("websocket", "", true)), "open websocket");
}

TEST(Admit, OpensByGetOnly) {
  Attempt post = handshake("polling");
  post.get = false;
  EXPECT_EQ(outcome(post), "Bad handshake method");
  Attempt upgrade = handshake("websocket", true);
  upgrade.get = false;
  EXPECT_EQ(outcome(upgrade), "Bad handshake method");
}

TEST(Admit, RefusesTheTransportThatTheSessionDoesNotUse) {
  EXPECT_EQ(outcome(request("websocket", poller)), "Bad request");
  EXPECT_EQ(outcome(request("polling", upgraded)), "Bad request");
}

TEST(Admit, RefusesAWebSocketWithoutAnUpgradeAndThePollThatAsksForOne) {
  EXPECT_EQ(outcome(handshake("websocket")), "Bad request");
  EXPECT_EQ(outcome(handshake("polling", true)), "Bad request");
  EXPECT_EQ(outcome(request("websocket", upgraded)), "Bad request");
  EXPECT_EQ(outcome(request("polling", poller, true)), "Bad request");
  EXPECT_EQ(outcome(request("polling", upgraded, true)), "Bad request");
}

TEST(Admit, UpgradesByGetOnly) {
  Attempt post = request("websocket", poller, true);
  post.get = false;
  EXPECT_EQ(outcome(post), "Bad request");
}

const std::vector<Text> other_revisions = {Text(),      Text(""),   Text("3"),  Text("5"),
                                           Text("abc"), Text("04"), Text("4 "), Text("4\0"sv),
                                           Text("-4"),  Text("44"), Text("4.0")};

TEST(Admit, OpensRevisionFourOnly) {
  for (const Text eio : other_revisions) {
    Attempt polling = handshake("polling");
    polling.eio = eio;
    EXPECT_EQ(outcome(polling), "Unsupported protocol version");
    Attempt websocket = handshake("websocket", true);
    websocket.eio = eio;
    EXPECT_EQ(outcome(websocket), "Unsupported protocol version");
  }
}

// CVE-2026-102599: an upgrade whose revision is not its session's.
TEST(Admit, RefusesAnotherRevisionThanTheSessions) {
  for (const Text eio : other_revisions) {
    Attempt upgrade = request("websocket", poller, true);
    upgrade.eio = eio;
    EXPECT_EQ(outcome(upgrade), "Bad request");
    Attempt polling = request("polling", poller);
    polling.eio = eio;
    EXPECT_EQ(outcome(polling), "Bad request");
  }
}

TEST(Admit, RefusesAnOriginThatIsNoHeaderValue) {
  for (const std::string_view origin : {"https://a\x01"sv, "\0"sv, "a\x7f"sv, "a\r\nb"sv}) {
    Attempt attempt = handshake("polling");
    attempt.origin = origin;
    EXPECT_EQ(outcome(attempt), "Bad request");
    attempt.sid = "unknown";
    EXPECT_EQ(outcome(attempt), "Bad request");
  }
  for (const std::string_view origin :
       {""sv, "null"sv, "https://example.org"sv, "a\tb"sv, "https://\xc3\xa9.example"sv}) {
    Attempt attempt = handshake("polling");
    attempt.origin = origin;
    EXPECT_EQ(outcome(attempt), "open polling");
  }
}

TEST(Admit, ChecksInNodesOrder) {
  Attempt attempt{false, false, "nonsense", "unknown", "3", "\x01"};
  EXPECT_EQ(outcome(attempt), "Transport unknown");
  attempt.transport = "polling";
  EXPECT_EQ(outcome(attempt), "Bad request");
  attempt.origin = "";
  EXPECT_EQ(outcome(attempt), "Session ID unknown");
  attempt.sid = upgraded;
  EXPECT_EQ(outcome(attempt), "Bad request");
  attempt.sid = std::nullopt;
  EXPECT_EQ(outcome(attempt), "Bad handshake method");
  attempt.get = true;
  EXPECT_EQ(outcome(attempt), "Unsupported protocol version");
  attempt.eio = "4";
  EXPECT_EQ(outcome(attempt), "open polling");
}

TEST(ErrorCode, HasNodesStatusAndBody) {
  EXPECT_EQ(body(ErrorCode::unknown_transport), R"({"code":0,"message":"Transport unknown"})");
  EXPECT_EQ(body(ErrorCode::unknown_sid), R"({"code":1,"message":"Session ID unknown"})");
  EXPECT_EQ(body(ErrorCode::bad_handshake_method),
            R"({"code":2,"message":"Bad handshake method"})");
  EXPECT_EQ(body(ErrorCode::bad_request), R"({"code":3,"message":"Bad request"})");
  EXPECT_EQ(body(ErrorCode::forbidden), R"({"code":4,"message":"Forbidden"})");
  EXPECT_EQ(body(ErrorCode::unsupported_protocol_version),
            R"({"code":5,"message":"Unsupported protocol version"})");
  for (int code = 0; code <= 5; ++code) {
    EXPECT_EQ(status(static_cast<ErrorCode>(code)), code == 4 ? 403 : 400);
  }
}

}  // namespace
}  // namespace crier::engineio
