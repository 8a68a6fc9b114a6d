#include "socketio/packet.hpp"

#include <ctime>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace crier::socketio {

// For readable failures.
static void PrintTo(DecodeError error, std::ostream* out) { *out << to_string(error); }

namespace {

const PacketLimits limits;

/// decode() reports its views through this owner.
struct Decoded {
  PacketType type;
  std::string nsp;
  std::optional<AckId> id;
  std::string data;
  std::uint32_t attachments = 0;
  friend bool operator==(const Decoded&, const Decoded&) = default;
};

std::optional<Decoded> decoded(std::string_view text) {
  const auto packet = decode(text, limits);
  if (!packet) return std::nullopt;
  return Decoded{packet->type, std::string(packet->nsp), packet->id, std::string(packet->data),
                 packet->attachments};
}

std::optional<DecodeError> refusal(std::string_view text) {
  const auto packet = decode(text, limits);
  if (packet) return std::nullopt;
  return packet.error();
}

struct Good {
  std::string text;
  Decoded packet;
};

const std::vector<Good>& good_packets() {
  static const std::vector<Good> table = {
      {"0", {PacketType::connect, "/", {}, "", 0}},
      {R"(0{"token":"123"})", {PacketType::connect, "/", {}, R"({"token":"123"})", 0}},
      {"0/custom,", {PacketType::connect, "/custom", {}, "", 0}},
      {R"(0/custom,{"token":"abc"})",
       {PacketType::connect, "/custom", {}, R"({"token":"abc"})", 0}},
      {"1", {PacketType::disconnect, "/", {}, "", 0}},
      {"1/admin,", {PacketType::disconnect, "/admin", {}, "", 0}},
      {R"(2["message",1,"2",{"3":[true]}])",
       {PacketType::event, "/", {}, R"(["message",1,"2",{"3":[true]}])", 0}},
      {R"(2/admin,12["ev",{}])", {PacketType::event, "/admin", 12, R"(["ev",{}])", 0}},
      {"2", {PacketType::event, "/", {}, "", 0}},
      {"2/admin,7", {PacketType::event, "/admin", 7, "", 0}},
      {"2[5]", {PacketType::event, "/", {}, "[5]", 0}},
      {"2[-1.5e3,2]", {PacketType::event, "/", {}, "[-1.5e3,2]", 0}},
      {R"(2[""])", {PacketType::event, "/", {}, R"([""])", 0}},
      {R"(3456[1,"2",{"3":[false]}])", {PacketType::ack, "/", 456, R"([1,"2",{"3":[false]}])", 0}},
      {"30[]", {PacketType::ack, "/", 0, "[]", 0}},
      {"3[]", {PacketType::ack, "/", {}, "[]", 0}},
      {R"(4/x,{"message":"Invalid namespace"})",
       {PacketType::connect_error, "/x", {}, R"({"message":"Invalid namespace"})", 0}},
      {R"(4"nope")", {PacketType::connect_error, "/", {}, R"("nope")", 0}},
      {R"(51-["ev",{"_placeholder":true,"num":0}])",
       {PacketType::binary_event, "/", {}, R"(["ev",{"_placeholder":true,"num":0}])", 1}},
      {R"(510-/a,3["ev"])", {PacketType::binary_event, "/a", 3, R"(["ev"])", 10}},
      {"51-", {PacketType::binary_event, "/", {}, "", 1}},
      {R"(61-7[{"_placeholder":true,"num":0}])",
       {PacketType::binary_ack, "/", 7, R"([{"_placeholder":true,"num":0}])", 1}},
  };
  return table;
}

TEST(Packet, IsDecodedAndEncodedToTheSameText) {
  for (const Good& c : good_packets()) {
    EXPECT_EQ(decoded(c.text), c.packet) << c.text;
    EXPECT_EQ(encode(c.packet.type, c.packet.nsp, c.packet.id, c.packet.data, c.packet.attachments),
              c.text);
  }
}

TEST(Packet, CutAnywhereIsDecodedOrRefusedButNeverReadsBeyond) {
  for (const Good& c : good_packets()) {
    for (std::size_t length = 0; length <= c.text.size(); ++length) {
      const std::string exact = c.text.substr(0, length);  // on the heap, for the sanitizer
      const std::vector<char> bytes(exact.begin(), exact.end());
      const auto packet = decode({bytes.data(), bytes.size()}, limits);
      if (packet) {
        EXPECT_LE(packet->data.size(), length);
      }
    }
  }
}

TEST(Packet, AcceptsOtherSpellingsOfTheSame) {
  const Good cases[] = {
      {"0/random", {PacketType::connect, "/random", {}, "", 0}},
      {"0/", {PacketType::connect, "/", {}, "", 0}},
      {"0/,", {PacketType::connect, "/", {}, "", 0}},
      {"0/chat?token=a", {PacketType::connect, "/chat", {}, "", 0}},
      {"0/chat?token=a,{}", {PacketType::connect, "/chat", {}, "{}", 0}},
      {"0/?token=a", {PacketType::connect, "/", {}, "", 0}},
      {"1/admin", {PacketType::disconnect, "/admin", {}, "", 0}},
      {"2/a,007[\"e\"]", {PacketType::event, "/a", 7, "[\"e\"]", 0}},
      {"2 [ \"e\" ]\n", {PacketType::event, "/", {}, "[ \"e\" ]", 0}},
      {"2[\t5 ]", {PacketType::event, "/", {}, "[\t5 ]", 0}},
  };
  for (const Good& c : cases) EXPECT_EQ(decoded(c.text), c.packet) << c.text;
}

struct Bad {
  std::string text;
  DecodeError error;
};

TEST(Packet, RefusesWhatIsNotOfTheShapeThatItsTypeDemands) {
  const Bad cases[] = {
      {"", DecodeError::unknown_type},
      {"abc", DecodeError::unknown_type},
      {"7", DecodeError::unknown_type},
      {"-1", DecodeError::unknown_type},
      {"/", DecodeError::unknown_type},
      {" 2[\"a\"]", DecodeError::unknown_type},
      {"0null", DecodeError::bad_payload},
      {"0[]", DecodeError::bad_payload},
      {"0\"a\"", DecodeError::bad_payload},
      {"0{", DecodeError::bad_payload},
      {"0{}{}", DecodeError::bad_payload},
      {"01true", DecodeError::bad_payload},
      {"1{}", DecodeError::bad_payload},
      {"1[]", DecodeError::bad_payload},
      {"1null", DecodeError::bad_payload},
      {"2{}", DecodeError::bad_payload},
      {"2[]", DecodeError::bad_payload},
      {"2[", DecodeError::bad_payload},
      {"2]", DecodeError::bad_payload},
      {"2\"a\"", DecodeError::bad_payload},
      {"2 ", DecodeError::bad_payload},
      {"2[\"a\",]", DecodeError::bad_payload},
      {"2[\"a\"]x", DecodeError::bad_payload},
      {"2['a']", DecodeError::bad_payload},
      {"2[NaN]", DecodeError::bad_payload},
      {"2[01]", DecodeError::bad_payload},
      {"2abc[\"message-with-ack\",1]", DecodeError::bad_payload},
      {"2-1[\"a\"]", DecodeError::bad_payload},
      {"2+1[\"a\"]", DecodeError::bad_payload},
      {"21.5[\"a\"]", DecodeError::bad_payload},
      {"2admin,[\"a\"]", DecodeError::bad_payload},
      {"2/a,/b,[\"a\"]", DecodeError::bad_payload},
      {"31{}", DecodeError::bad_payload},
      {"31null", DecodeError::bad_payload},
      {"4[]", DecodeError::bad_payload},
      {"51-{}", DecodeError::bad_payload},
      {"51-[]", DecodeError::bad_payload},
      {"61-0{}", DecodeError::bad_payload},
  };
  for (const Bad& c : cases) {
    EXPECT_EQ(refusal(c.text), c.error) << c.text;
  }
}

TEST(Packet, RefusesAckIdsThatJavaScriptCouldNotEcho) {
  EXPECT_EQ(decoded("29007199254740992[\"a\"]")->id, AckId{9007199254740992});
  EXPECT_EQ(refusal("29007199254740993[\"a\"]"), DecodeError::bad_ack_id);
  EXPECT_EQ(refusal("218446744073709551616[\"a\"]"), DecodeError::bad_ack_id);
  EXPECT_EQ(refusal("318446744073709551623[]"), DecodeError::bad_ack_id);
}

TEST(Packet, BoundsTheNamespaceName) {
  const std::string longest = "/" + std::string(limits.namespace_bytes_max - 1, 'n');
  EXPECT_EQ(decoded("0" + longest)->nsp, longest);
  EXPECT_EQ(decoded("0" + longest + "?" + std::string(1000, 'q') + ",{}")->nsp, longest);
  EXPECT_EQ(refusal("0" + longest + "n"), DecodeError::too_long_namespace);
  EXPECT_EQ(refusal("2" + longest + "n,[\"a\"]"), DecodeError::too_long_namespace);
}

// Declared counts are checked before anything is kept for them.
TEST(Packet, Cve202633151MoreAttachmentsThanTheLimitAreRefused) {
  EXPECT_EQ(decoded("510-[\"a\"]")->attachments, 10U);
  EXPECT_EQ(refusal("511-[\"a\"]"), DecodeError::too_many_attachments);
  EXPECT_EQ(refusal("51999999-[\"a\"]"), DecodeError::too_many_attachments);
  EXPECT_EQ(refusal("54294967297-[\"a\"]"), DecodeError::too_many_attachments);
  EXPECT_EQ(refusal("518446744073709551617-[\"a\"]"), DecodeError::too_many_attachments);
  EXPECT_EQ(refusal("611-0[]"), DecodeError::too_many_attachments);
  const PacketLimits none{.attachments_max = 0};
  EXPECT_FALSE(decode("51-[\"a\"]", none));
}

TEST(Packet, CountsOfAttachmentsThatTheEncoderDoesNotWriteAreRefused) {
  for (const std::string count : {"0", "00", "01", "-1", "+1", "1e1", "1.0", "0x1", " 1", "1 ", "",
                                  "\"1\"", "null", "\xD9\xA1"}) {
    for (const std::string type : {"5", "6"}) {
      EXPECT_EQ(refusal(type + count + "-[\"a\"]"), DecodeError::illegal_attachments) << count;
      EXPECT_EQ(refusal(type + count), DecodeError::illegal_attachments) << count;
    }
  }
  EXPECT_EQ(refusal("51[\"a\"]"), DecodeError::illegal_attachments);
  EXPECT_EQ(refusal("51"), DecodeError::illegal_attachments);
  EXPECT_EQ(refusal("51/a,-[\"a\"]"), DecodeError::illegal_attachments);
}

TEST(Packet, Cve202332695EventNamesAreStringsOrNumbers) {
  for (const std::string name : {"{}", "[]", "null", "true", "false", "[\"a\"]",
                                 R"({"toString":"a"})", R"({"_placeholder":true,"num":0})"}) {
    EXPECT_EQ(refusal("2[" + name + "]"), DecodeError::bad_payload) << name;
    EXPECT_EQ(refusal("51-[" + name + "]"), DecodeError::bad_payload) << name;
    EXPECT_TRUE(decoded("31[" + name + "]")) << name << " is a fine argument of an ack";
  }
  for (const std::string name :
       {R"("__proto__")", R"("constructor")", "1", "-0", "1e400", R"("\ud800")"}) {
    EXPECT_TRUE(decoded("2[" + name + "]")) << name;
  }
}

TEST(Packet, Cve20222421PlaceholdersOutsideTheAttachmentsAreRefused) {
  const auto text = [](std::string_view type, std::string_view num) {
    return std::string(type) + R"(["a",{"_placeholder":true,"num":)" + std::string(num) + "}]";
  };
  for (const std::string_view num : {"-1", "1", "4294967296", "1e9", "0.5", "\"0\"", "\"splice\"",
                                     "null", "{}", "0,\"num\":1"}) {
    EXPECT_EQ(refusal(text("51-", num)), DecodeError::illegal_placeholder) << num;
    EXPECT_EQ(refusal(text("61-0", num)), DecodeError::illegal_placeholder) << num;
    EXPECT_TRUE(decoded(text("2", num))) << "ordinary data where nothing is attached";
  }
  EXPECT_TRUE(decoded(text("51-", "0")));
}

TEST(Packet, Cve202438355ReservedNamesAreRefusedAndErrorIsOrdinary) {
  for (const std::string name : {"connect", "connect_error", "disconnect", "disconnecting",
                                 "newListener", "removeListener"}) {
    EXPECT_TRUE(is_reserved(name));
    EXPECT_EQ(refusal("2[\"" + name + "\"]"), DecodeError::reserved_event) << name;
    EXPECT_EQ(refusal("2/a,1[ \"" + name + "\" ,1]"), DecodeError::reserved_event) << name;
    EXPECT_EQ(refusal("51-[\"" + name + "\"]"), DecodeError::reserved_event) << name;
    EXPECT_TRUE(decoded("31[\"" + name + "\"]")) << name;
  }
  EXPECT_EQ(refusal(R"(2["\u0063onnect"])"), DecodeError::reserved_event);
  for (const std::string name : {"error", "Connect", "connection", "connect ", "message", ""}) {
    EXPECT_FALSE(is_reserved(name));
    EXPECT_TRUE(decoded("2[\"" + name + "\"]")) << name;
  }
}

// A decoder that copies or rescans per character would take minutes.
TEST(Packet, Cve202036049AMegabyteOfAnythingTakesLinearTime) {
  constexpr std::size_t megabyte = 1'000'000;
  const auto repeated = [](std::string_view piece) {
    std::string text;
    while (text.size() < megabyte) text += piece;
    return text;
  };
  const std::clock_t start = std::clock();
  EXPECT_EQ(refusal("2" + repeated("[")), DecodeError::bad_payload);
  EXPECT_EQ(refusal("2[\"a\"," + repeated("{\"\":")), DecodeError::bad_payload);
  EXPECT_EQ(refusal("2" + repeated("9") + "[\"a\"]"), DecodeError::bad_ack_id);
  EXPECT_EQ(decoded("2" + repeated("0") + "[\"a\"]")->id, AckId{0});
  EXPECT_EQ(refusal("5" + repeated("9") + "-[\"a\"]"), DecodeError::too_many_attachments);
  EXPECT_EQ(refusal("5" + repeated("9")), DecodeError::illegal_attachments);
  EXPECT_EQ(refusal("0/" + repeated("n")), DecodeError::too_long_namespace);
  EXPECT_EQ(refusal("2" + repeated(" ")), DecodeError::bad_payload);
  EXPECT_TRUE(decoded("2[\"" + repeated("\\u0061") + "\"]"));
  EXPECT_TRUE(decoded("2[\"a\"" + repeated(",[[]]") + "]"));
  EXPECT_TRUE(decoded("51-[\"a\"" + repeated(R"(,{"_placeholder":true,"num":0})") + "]"));
  EXPECT_TRUE(decoded("51-[\"a\"" + repeated(R"(,{"\u006e":1})") + "]"));
  EXPECT_TRUE(decoded("51-[\"a\",{" + repeated(R"("num":9,)") + "\"x\":1}]"));
  EXPECT_LT((std::clock() - start) / CLOCKS_PER_SEC, 20);
}

TEST(Packet, NestingIsBounded) {
  const auto nested = [](std::size_t levels) {
    return "2" + std::string(levels, '[') + "1" + std::string(levels, ']');
  };
  const auto event = [&](std::size_t levels) {
    return "2[\"a\"," + nested(levels - 1).substr(1) + "]";
  };
  EXPECT_TRUE(decoded(event(limits.json_depth_max)));
  EXPECT_EQ(refusal(event(limits.json_depth_max + 1)), DecodeError::bad_payload);
}

TEST(EventArray, QuotesTheNameAndKeepsTheArguments) {
  EXPECT_EQ(event_array("a", {}), R"(["a"])");
  EXPECT_EQ(event_array("request:created", {R"({"id":1})", "null"}),
            R"(["request:created",{"id":1},null])");
  EXPECT_EQ(event_array("say \"hi\"", {"1"}), R"(["say \"hi\"",1])");
}

TEST(DecodeErrors, SayWhatWasWrong) {
  EXPECT_EQ(to_string(DecodeError::reserved_event), "reserved event name");
}

}  // namespace
}  // namespace crier::socketio
