#include "socketio/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace crier::socketio {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string shown(const std::vector<Bytes>& attachments) {
  std::string text;
  for (const Bytes& attachment : attachments) text.append(" <").append(attachment.view()) += '>';
  return text;
}

/// One line for each output, so that a test reads as a transcript.
struct Show {
  std::string operator()(const ConnectRequested& o) const {
    return "connect " + o.nsp + " " + o.auth;
  }
  std::string operator()(const EventReceived& o) const {
    return "event " + o.nsp + " " + (o.id ? std::to_string(*o.id) : "-") + " " + o.arguments +
           shown(o.attachments);
  }
  std::string operator()(const AckReceived& o) const {
    return "ack " + o.nsp + " " + std::to_string(o.id) + " " + o.arguments + shown(o.attachments);
  }
  std::string operator()(const Left& o) const { return "left " + o.nsp; }
  std::string operator()(const Withdrawn& o) const { return "withdrawn " + o.nsp; }
  std::string operator()(const Violation& o) const { return "violation: " + std::string(o.detail); }
  std::string operator()(const Send& o) const {
    return (o.binary ? "send binary " : "send ") + std::string(o.data.view());
  }
};

const TimePoint start{std::chrono::hours(1)};

/// A client and what has come out of it since the last look.
class Peer {
 public:
  explicit Peer(const ClientOptions& options = defaults()) : client(options, start) {}

  std::vector<std::string> text(std::string_view message) {
    client.receive_text(message, out_);
    return taken();
  }
  std::vector<std::string> binary(std::string_view message) {
    client.receive_binary(message, out_);
    return taken();
  }
  std::vector<std::string> accept(std::string_view nsp, std::string_view reply = R"({"sid":"s"})") {
    client.accept(nsp, reply, out_);
    return taken();
  }
  std::vector<std::string> refuse(std::string_view nsp, std::string_view error) {
    client.refuse(nsp, error, out_);
    return taken();
  }
  std::vector<std::string> disconnect(std::string_view nsp) {
    client.disconnect(nsp, out_);
    return taken();
  }
  std::vector<std::string> close() {
    client.close(out_);
    return taken();
  }
  void join(const std::string& nsp) {
    text(nsp == "/" ? "0" : "0" + nsp + ",");
    accept(nsp);
    ASSERT_TRUE(client.is_joined(nsp));
  }

  Client client;

 private:
  static const ClientOptions& defaults() {
    static const ClientOptions options;
    return options;
  }
  std::vector<std::string> taken() {
    std::vector<std::string> lines;
    for (const ClientOutput& output : out_) lines.push_back(std::visit(Show{}, output));
    out_.clear();
    return lines;
  }
  ClientOutputs out_;
};

bool violated(const std::vector<std::string>& lines) {
  return lines.size() == 1 && lines.front().starts_with("violation: ");
}

TEST(Client, JoinsWhenItsRequestIsAccepted) {
  Peer peer;
  EXPECT_THAT(peer.text("0"), ElementsAre("connect / {}"));
  EXPECT_TRUE(peer.client.is_pending("/"));
  EXPECT_FALSE(peer.client.is_joined("/"));
  EXPECT_THAT(peer.accept("/", R"({"sid":"abc"})"), ElementsAre(R"(send 40{"sid":"abc"})"));
  EXPECT_FALSE(peer.client.is_pending("/"));
  EXPECT_TRUE(peer.client.is_joined("/"));
}

TEST(Client, PassesTheAuthPayloadOn) {
  Peer peer;
  EXPECT_THAT(peer.text(R"(0{"token":"123"})"), ElementsAre(R"(connect / {"token":"123"})"));
  EXPECT_THAT(peer.text(R"(0/custom,{"token":"abc"})"),
              ElementsAre(R"(connect /custom {"token":"abc"})"));
}

TEST(Client, JoinsSeveralNamespacesInAnyOrder) {
  Peer peer;
  peer.text("0");
  EXPECT_THAT(peer.text("0/chat?token=a,{}"), ElementsAre("connect /chat {}"));
  EXPECT_THAT(peer.text("0/admin"), ElementsAre("connect /admin {}"));
  EXPECT_THAT(peer.accept("/admin"), ElementsAre(R"(send 40/admin,{"sid":"s"})"));
  EXPECT_THAT(peer.accept("/"), ElementsAre(R"(send 40{"sid":"s"})"));
  EXPECT_TRUE(peer.client.is_pending("/chat"));
  EXPECT_THAT(peer.client.joined(), ElementsAre("/", "/admin"));
}

TEST(Client, MayAskAgainAfterARefusal) {
  Peer peer;
  peer.text("0/random");
  EXPECT_THAT(peer.refuse("/random", R"({"message":"Invalid namespace"})"),
              ElementsAre(R"(send 44/random,{"message":"Invalid namespace"})"));
  EXPECT_FALSE(peer.client.is_pending("/random"));
  EXPECT_THAT(peer.text("0/random"), ElementsAre("connect /random {}"));
  peer.text("0");
  EXPECT_THAT(peer.refuse("/", R"({"message":"nope"})"),
              ElementsAre(R"(send 44{"message":"nope"})"));
}

TEST(Client, DeliversEventsAndAcksOfJoinedNamespaces) {
  Peer peer;
  peer.join("/");
  peer.join("/admin");
  EXPECT_THAT(peer.text(R"(2["message",1,"2",{"3":[true]}])"),
              ElementsAre(R"(event / - ["message",1,"2",{"3":[true]}])"));
  EXPECT_THAT(peer.text(R"(2/admin,12["ev",{}])"), ElementsAre(R"(event /admin 12 ["ev",{}])"));
  EXPECT_THAT(peer.text(R"(3456[1,"2"])"), ElementsAre(R"(ack / 456 [1,"2"])"));
  EXPECT_THAT(peer.text("37"), ElementsAre("ack / 7 []"));
}

TEST(Client, TakesPacketsThatSayNothingInSilence) {
  Peer peer;
  peer.join("/");
  EXPECT_THAT(peer.text("2"), IsEmpty()) << "no payload";
  EXPECT_THAT(peer.text("212"), IsEmpty()) << "no payload, yet an id";
  EXPECT_THAT(peer.text("3[1]"), IsEmpty()) << "an ack of nothing";
  EXPECT_THAT(peer.text("51-"), IsEmpty());
  EXPECT_THAT(peer.binary("x"), IsEmpty());
  EXPECT_THAT(peer.text("2[\"a\"]"), ElementsAre("event / - [\"a\"]"));
}

TEST(Client, JoinsAttachmentsToTheirPacketInOrder) {
  Peer peer;
  peer.join("/");
  const std::string event =
      R"(["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])";
  EXPECT_THAT(peer.text("52-789" + event), IsEmpty());
  EXPECT_THAT(peer.binary("\x01\x02"), IsEmpty());
  EXPECT_THAT(peer.binary(""), ElementsAre("event / 789 " + event + " <\x01\x02> <>"));
  EXPECT_THAT(peer.text(R"(61-7[{"_placeholder":true,"num":0}])"), IsEmpty());
  EXPECT_THAT(peer.binary("x"), ElementsAre(R"(ack / 7 [{"_placeholder":true,"num":0}] <x>)"));
  EXPECT_THAT(peer.text("2[\"next\"]"), ElementsAre("event / - [\"next\"]"));
}

TEST(Client, LeavesANamespaceAndKeepsTheOthers) {
  Peer peer;
  peer.join("/");
  peer.join("/custom");
  EXPECT_THAT(peer.text("1/custom"), ElementsAre("left /custom"));
  EXPECT_THAT(peer.client.joined(), ElementsAre("/"));
  EXPECT_THAT(peer.text("2[\"m\"]"), ElementsAre("event / - [\"m\"]"));
  EXPECT_THAT(peer.text("1"), ElementsAre("left /"));
  EXPECT_THAT(peer.text("0"), ElementsAre("connect / {}")) << "and may come back";
}

TEST(Client, WithdrawsARequestThatWasNotAnsweredYet) {
  Peer peer;
  peer.text("0/a");
  EXPECT_THAT(peer.text("1/a,"), ElementsAre("withdrawn /a"));
  EXPECT_FALSE(peer.client.is_pending("/a"));
  EXPECT_THAT(peer.text("0/a"), ElementsAre("connect /a {}"));
}

TEST(Client, IsDisconnectedByTheServer) {
  Peer peer;
  peer.join("/");
  peer.join("/a");
  EXPECT_THAT(peer.disconnect("/a"), ElementsAre("send 41/a,"));
  EXPECT_THAT(peer.disconnect("/"), ElementsAre("send 41"));
  EXPECT_THAT(peer.client.joined(), IsEmpty());
  EXPECT_THAT(peer.disconnect("/"), IsEmpty()) << "no longer joined";
}

TEST(Client, DropsAPacketWhoseNamespaceTheServerEndedBetweenItsAttachments) {
  Peer peer;
  peer.join("/");
  peer.text("52-[\"a\"]");
  peer.binary("x");
  peer.disconnect("/");
  EXPECT_THAT(peer.binary("y"), IsEmpty());
  EXPECT_THAT(peer.text("0"), ElementsAre("connect / {}"));
}

TEST(Client, ClosesAtTheConnectTimeoutUnlessANamespaceWasJoined) {
  ClientOptions options;
  options.connect_timeout = std::chrono::seconds(45);
  const TimePoint due = start + std::chrono::seconds(45);
  Peer idle(options);
  EXPECT_EQ(idle.client.deadline(), due);
  EXPECT_FALSE(idle.client.tick(due - Duration(1)));
  EXPECT_TRUE(idle.client.tick(due));

  Peer asked(options);
  asked.text("0");
  EXPECT_TRUE(asked.client.tick(due)) << "asking is not joining";
  asked.refuse("/", "{}");
  EXPECT_TRUE(asked.client.tick(due));

  Peer joined(options);
  joined.join("/");
  EXPECT_EQ(joined.client.deadline(), never);
  joined.disconnect("/");
  EXPECT_FALSE(joined.client.tick(due)) << "the first join ends the timeout for good";
}

TEST(Client, ViolatesTheProtocolByPacketsOutOfOrder) {
  struct Case {
    std::string what;
    std::vector<std::string> messages;  ///< `b…` is binary; the last one is the violation.
  };
  const Case cases[] = {
      {"not a packet", {"abc"}},
      {"event before CONNECT", {R"(2["a"])"}},
      {"event without payload before CONNECT", {"2"}},
      {"ack before CONNECT", {"31[]"}},
      {"binary before CONNECT", {"b"}},
      {"event on another namespace", {"0", R"(2/b,["a"])"}},
      {"ack on another namespace", {"0", "3/b,1[]"}},
      {"event while asking", {"0/p", R"(2/p,["a"])"}},
      {"second CONNECT while asking", {"0/p", "0/p"}},
      {"second CONNECT while asking, by its query", {"0/p", "0/p?again"}},
      {"second CONNECT when joined", {"0", "0"}},
      {"DISCONNECT of a namespace never joined", {"1/a"}},
      {"DISCONNECT twice", {"0", "1", "1"}},
      {"event after DISCONNECT", {"0", "1", R"(2["a"])"}},
      {"CONNECT_ERROR", {"0", R"(4{"message":"no"})"}},
      {"CONNECT_ERROR without payload", {"0", "4"}},
      {"binary while none is awaited", {"0", "bx"}},
      {"one binary too many", {"0", R"(51-["a"])", "bx", "by"}},
      {"text while binary is awaited", {"0", R"(51-["a"])", R"(2["a"])"}},
      {"DISCONNECT while binary is awaited", {"0", R"(52-["a"])", "bx", "1"}},
      {"CONNECT while binary is awaited", {"0", R"(52-["a"])", "0/b"}},
  };
  for (const Case& c : cases) {
    Peer peer;
    for (const std::string& message : c.messages) {
      const bool last = &message == &c.messages.back();
      const auto lines =
          message.starts_with('b') ? peer.binary(message.substr(1)) : peer.text(message);
      EXPECT_EQ(violated(lines), last) << c.what << " at " << message;
      if (message == "0" && !last) peer.accept("/");
    }
    EXPECT_THAT(peer.text("0/later"), IsEmpty()) << c.what << ": nothing more comes out";
    EXPECT_THAT(peer.binary("x"), IsEmpty()) << c.what;
  }
}

TEST(Client, IsSilentAfterAViolationYetCanBeTidiedUp) {
  Peer peer;
  peer.join("/");
  peer.text("0/asked");
  peer.text("0/refused");
  peer.text("0/open");
  ASSERT_TRUE(violated(peer.text("abc")));
  EXPECT_THAT(peer.client.joined(), ElementsAre("/"));
  EXPECT_THAT(peer.accept("/asked"), IsEmpty());
  EXPECT_THAT(peer.refuse("/refused", "{}"), IsEmpty());
  EXPECT_THAT(peer.disconnect("/"), IsEmpty());
  EXPECT_THAT(peer.close(), ElementsAre("withdrawn /open"));
}

TEST(Client, WithdrawsOpenRequestsWhenTheSessionEnds) {
  Peer peer;
  peer.text("0");
  peer.join("/joined");
  peer.text("0/a");
  EXPECT_THAT(peer.close(), ElementsAre("withdrawn /", "withdrawn /a"));
  EXPECT_FALSE(peer.client.is_pending("/"));
  EXPECT_THAT(peer.client.joined(), IsEmpty());
  EXPECT_THAT(peer.text("0"), IsEmpty());
  EXPECT_THAT(peer.close(), IsEmpty());
}

TEST(ClientDeathTest, AssertsThatAnAnsweredRequestIsOpen) {
  Peer peer;
  EXPECT_DEATH(peer.accept("/"), "is_pending");
  EXPECT_DEATH(peer.refuse("/a", "{}"), "is_pending");
}

TEST(Client, Cve202656811NamespacesJoinedOrAskedForAreBounded) {
  ClientOptions options;
  options.namespaces_max = 3;
  Peer peer(options);
  peer.join("/");
  peer.join("/a");
  peer.text("0/b");
  EXPECT_TRUE(violated(peer.text("0/c")));

  Peer leaver(options);
  for (int i = 0; i < 100; ++i) {
    const std::string nsp = "/n" + std::to_string(i);
    EXPECT_THAT(leaver.text("0" + nsp), ElementsAre("connect " + nsp + " {}"));
    leaver.refuse(nsp, "{}");
  }
}

TEST(Client, Cve202648804APartialBinaryPacketIsBoundedInBytes) {
  ClientOptions options;
  options.reassembly_bytes_max = 100;
  const std::string text = "53-[\"a\"]";
  {
    Peer peer(options);
    peer.join("/");
    peer.text(text);
    EXPECT_THAT(peer.binary(std::string(90 - text.size(), 'x')), IsEmpty());
    EXPECT_THAT(peer.binary("0123456789"), IsEmpty());
    EXPECT_THAT(peer.binary(""), testing::SizeIs(1)) << "exactly the bound";
  }
  {
    Peer peer(options);
    peer.join("/");
    peer.text(text);
    peer.binary(std::string(100 - text.size(), 'x'));
    EXPECT_TRUE(violated(peer.binary("y")));
  }
  {
    Peer peer(options);
    peer.join("/");
    EXPECT_TRUE(violated(peer.text("51-[\"" + std::string(100, 'a') + "\"]"))) << "text alone";
  }
  {
    Peer peer(options);
    peer.join("/");
    EXPECT_FALSE(violated(peer.text("2[\"" + std::string(100, 'a') + "\"]")))
        << "what is not kept is the transport's to bound";
  }
}

TEST(EncodeMessages, PutTheAttachmentsAfterTheText) {
  const auto shown_of = [](const std::vector<Send>& messages) {
    std::vector<std::string> lines;
    for (const Send& message : messages) lines.push_back(Show{}(message));
    return lines;
  };
  EXPECT_THAT(shown_of(encode_messages(PacketType::event, "/", {}, R"(["hello",1])", {})),
              ElementsAre(R"(send 42["hello",1])"));
  EXPECT_THAT(shown_of(encode_messages(PacketType::ack, "/admin", 12, R"(["ok"])", {})),
              ElementsAre(R"(send 43/admin,12["ok"])"));
  const std::vector<Bytes> attachments = {Bytes("x"), Bytes("")};
  const std::string array = R"([{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])";
  EXPECT_THAT(shown_of(encode_messages(PacketType::ack, "/", 789, array, attachments)),
              ElementsAre("send 462-789" + array, "send binary x", "send binary "));
  EXPECT_THAT(shown_of(encode_messages(PacketType::event, "/a", {}, "[\"e\"]", attachments)),
              ElementsAre("send 452-/a,[\"e\"]", "send binary x", "send binary "));
  EXPECT_THAT(shown_of(encode_messages(PacketType::binary_event, "/", {}, "[\"e\"]", {})),
              ElementsAre("send 42[\"e\"]"));
}

TEST(EncodeMessages, ShareTheAttachmentsBytes) {
  const std::vector<Bytes> attachments = {Bytes(std::string(1000, 'x'))};
  const auto messages = encode_messages(PacketType::event, "/", {}, "[\"e\"]", attachments);
  EXPECT_EQ(messages[1].data.view().data(), attachments[0].view().data());
}

}  // namespace
}  // namespace crier::socketio
