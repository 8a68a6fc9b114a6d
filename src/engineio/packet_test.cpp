#include "engineio/packet.hpp"

#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

namespace crier::engineio {
namespace {

struct Case {
  std::string_view text;
  PacketType type;
  bool binary;
  std::string_view data;
};

TEST(DecodePacket, ReadsEveryTypeAndBase64) {
  using namespace std::string_view_literals;
  const std::vector<Case> cases = {
      {"0", PacketType::open, false, ""},
      {"0{\"sid\":\"x\"}", PacketType::open, false, "{\"sid\":\"x\"}"},
      {"1", PacketType::close, false, ""},
      {"2probe", PacketType::ping, false, "probe"},
      {"3", PacketType::pong, false, ""},
      {"4", PacketType::message, false, ""},
      {"4hello", PacketType::message, false, "hello"},
      {"4b", PacketType::message, false, "b"},
      {"4\xe2\x82\xac", PacketType::message, false, "\xe2\x82\xac"},
      {"4a\0b"sv, PacketType::message, false, "a\0b"sv},
      {"5", PacketType::upgrade, false, ""},
      {"6", PacketType::noop, false, ""},
      {"b", PacketType::message, true, ""},
      {"bAQIDBA==", PacketType::message, true, "\x01\x02\x03\x04"},
      {"bAQIDBA", PacketType::message, true, "\x01\x02\x03\x04"},
      {"b-_8", PacketType::message, true, "\xfb\xff"},
      {"b+/8=", PacketType::message, true, "\xfb\xff"},
  };
  for (const Case& c : cases) {
    const auto packet = decode_packet(c.text);
    ASSERT_TRUE(packet) << c.text;
    EXPECT_EQ(packet->type, c.type) << c.text;
    EXPECT_EQ(packet->binary, c.binary) << c.text;
    EXPECT_EQ(packet->data(), c.data) << c.text;
  }
}

TEST(DecodePacket, RefusesWhatIsNoPacket) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv, "7"sv, "9"sv, "a"sv, "abc"sv, "B"sv, "/"sv, ":"sv,
                                      " 4"sv, "\0"sv, "\xff"sv, "-1"sv, "b!"sv, "bAQ ID"sv}) {
    EXPECT_FALSE(decode_packet(text)) << text;
  }
}

TEST(DecodePacket, DecodedBytesFollowThePacketWhenItMoves) {
  std::vector<Packet> packets;
  for (int i = 0; i < 20; ++i) packets.push_back(*decode_packet("bAQID"));
  for (const Packet& packet : packets) EXPECT_EQ(packet.data(), "\x01\x02\x03");
}

std::vector<std::string> data_of(const PollingPayload& payload) {
  std::vector<std::string> all;
  for (const Packet& packet : payload.packets) all.emplace_back(packet.data());
  return all;
}

TEST(DecodePayload, SplitsAtTheSeparator) {
  const PollingPayload payload = decode_payload(
      "4hello\x1e"
      "2\x1e"
      "bAQIDBA==\x1e"
      "4\xe2\x82\xac");
  EXPECT_FALSE(payload.malformed);
  EXPECT_EQ(data_of(payload),
            (std::vector<std::string>{"hello", "", "\x01\x02\x03\x04", "\xe2\x82\xac"}));
}

TEST(DecodePayload, KeepsWhatStandsBeforeAMalformedPacket) {
  struct Case {
    std::string_view body;
    std::vector<std::string> kept;
  };
  const std::vector<Case> cases = {
      {"", {}},
      {"abc", {}},
      {"\x1e", {}},
      {"4a\x1e", {"a"}},
      {"4a\x1e\x1e"
       "4b",
       {"a"}},
      {"4a\x1e"
       "4b\x1exyz\x1e"
       "4c",
       {"a", "b"}},
      {"\x1e"
       "4a",
       {}},
  };
  for (const Case& c : cases) {
    const PollingPayload payload = decode_payload(c.body);
    EXPECT_TRUE(payload.malformed) << c.body;
    EXPECT_EQ(data_of(payload), c.kept) << c.body;
  }
}

TEST(DecodePayload, CutAnywhereItKeepsTheWholePacketsBefore) {
  const std::string whole =
      "4one\x1e"
      "4two\x1e"
      "bAQID\x1e"
      "4three";
  const auto all = data_of(decode_payload(whole));
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    const auto head = data_of(decode_payload(std::string_view(whole).substr(0, cut)));
    ASSERT_LE(head.size(), all.size());
    for (std::size_t i = 0; i + 1 < head.size(); ++i) EXPECT_EQ(head[i], all[i]) << cut;
    if (head.empty()) continue;
    EXPECT_TRUE(all[head.size() - 1].starts_with(head.back())) << cut;
  }
}

TEST(EncodeOpen, HasNodesKeysInNodesOrder) {
  EXPECT_EQ(encode_open({"lv_VI97HAXpY6yYWAAAC", true, 25000, 20000, 1000000}),
            R"(0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,)"
            R"("pingTimeout":20000,"maxPayload":1000000})");
  EXPECT_EQ(encode_open({"lv_VI97HAXpY6yYWAAAC", false, 300, 200, 100}),
            R"(0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":[],"pingInterval":300,)"
            R"("pingTimeout":200,"maxPayload":100})");
}

}  // namespace
}  // namespace crier::engineio
