#include "websocket/handshake.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crier::websocket {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view sample_key = "dGhlIHNhbXBsZSBub25jZQ==";

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  while (times-- > 0) out.append(text);
  return out;
}

TEST(WebSocketHandshake, TakesVersions13And8) {
  EXPECT_EQ(check({"13", sample_key, ""}), std::nullopt);
  EXPECT_EQ(check({"8", sample_key, ""}), std::nullopt);
  for (const std::string_view version : {"", "0", "7", "12", "14", "130", "13, 8", " 13", "013"}) {
    EXPECT_EQ(check({version, sample_key, ""}), HandshakeError::bad_version) << version;
  }
}

TEST(WebSocketHandshake, TakesKeysOf16Bytes) {
  for (const std::string_view key : {"AAAAAAAAAAAAAAAAAAAAAA==", "+/+/+/+/+/+/+/+/+/+/+w=="}) {
    EXPECT_EQ(check({"13", key, ""}), std::nullopt) << key;
  }
  for (const std::string_view key :
       {"", "==", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ= ", "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZQA=", "dGhlIHNhbXBsZSBub25jZQAA", "dGhlIHNhbXBsZSBub25jZ===",
        "dGhlIHNhbXBsZSBub25jZ_==", "dGhlIHNhbXBsZSBub25jZ-==", "dGhlIHNhbXBs\r\nBub25jZQ==",
        " GhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="}) {
    EXPECT_EQ(check({"13", key, ""}), HandshakeError::bad_key) << key;
  }
}

TEST(WebSocketHandshake, AnswersAsInSection1Point3) {
  EXPECT_EQ(accept_response({"13", sample_key, ""}),
            "HTTP/1.1 101 Switching Protocols\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            "\r\n");
  EXPECT_TRUE(accept_response({"13", sample_key, ""}, "A: b\r\nC: d\r\n")
                  .ends_with("xOo=\r\nA: b\r\nC: d\r\n\r\n"));
}

TEST(WebSocketHandshake, EchoesTheFirstSubprotocolIfItIsOne) {
  struct Case {
    std::string_view asked;
    std::string_view echoed;
  };
  for (const Case& c : {Case{"chat", "chat"}, Case{"chat, superchat", "chat"},
                        Case{" \tchat\t ,x", "chat"}, Case{"v1.a-b_c", "v1.a-b_c"}}) {
    EXPECT_THAT(accept_response({"13", sample_key, c.asked}),
                HasSubstr("\r\nSec-WebSocket-Protocol: " + std::string(c.echoed) + "\r\n"));
  }
  for (const std::string_view asked : {"", " ", ",", ",chat", " ,chat", "a b", "a\r\nSet-Cookie: x",
                                       "a\nb", "a;b", "\"a\"", "\xC3\xA9", "a/b"}) {
    EXPECT_THAT(accept_response({"13", sample_key, asked}), Not(HasSubstr("Protocol:"))) << asked;
  }
}

// CVE-2021-32640, GHSA-5v72-xg48-5rpm: a run of blanks or commas took quadratic time.
TEST(WebSocketHandshake, LooksThroughLongRunsOfBlanksAndCommasInLinearTime) {
  for (const std::string_view unit : {" ", ",", " ,", "\t", "a ", "a,"}) {
    const std::string protocol = repeat(unit, 1'000'000) + "a b";
    EXPECT_LT(accept_response({"13", sample_key, protocol}).size(), 1000U);
  }
}

TEST(WebSocketHandshakeDeathTest, IsNotAcceptedUnchecked) {
  EXPECT_DEATH(accept_response({"13", "", ""}), "assertion failed");
  EXPECT_DEATH(accept_response({"13", sample_key, ""}, "A: b"), "assertion failed");
}

}  // namespace
}  // namespace crier::websocket
