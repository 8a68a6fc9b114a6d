// Compressed messages on their way through a gateway.

#include "websocket/deflate.hpp"

#include "tests/support/gateway_fixture.hpp"

namespace crier::node {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view target = "/socket.io/?EIO=4&transport=websocket";
constexpr std::string_view offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

class DeflateTest : public GatewayFixture {
 protected:
  void run_with(std::size_t bytes_min = 1'024) {
    GatewayOptions chosen = options();
    chosen.websocket.deflate = true;
    chosen.websocket.deflate_bytes_min = bytes_min;
    chosen.engine.payload_bytes_max = 20'000;
    chosen.engine.backlog_bytes_max = 64 * 1024 * 1024;  // for readers that lag
    GatewayFixture::run(chosen);
  }
  std::unique_ptr<LoopbackClient> deflating() {
    auto client = std::make_unique<LoopbackClient>(gateway->port());
    EXPECT_THAT(client->open_websocket(target, offer),
                HasSubstr("\r\nSec-WebSocket-Extensions: permessage-deflate; "
                          "server_no_context_takeover; client_no_context_takeover\r\n"));
    EXPECT_THAT(message(*client), StartsWith("0{\"sid\":"));
    return client;
  }
  std::unique_ptr<LoopbackClient> deflating_member(std::string_view user,
                                                   const std::string& more = "") {
    auto client = deflating();
    client->write_text("40{\"token\":\"" + token(user) + "\"" + more + "}");
    EXPECT_THAT(message(*client), StartsWith("40{\"sid\":"));
    if (more.empty()) {
      EXPECT_THAT(message(*client), StartsWith("42[\"catchup\","));
    }
    return client;
  }
  /// The next message; `compressed_` says how it came.
  std::string message(LoopbackClient& client) {
    char first = 0;
    std::string payload = client.read_frame(&first);
    EXPECT_EQ(first & ~0x40, '\x81' & ~0x40);
    compressed_ = (first & 0x40) != 0;
    if (!compressed_) return payload;
    const auto inflated = inflater_.inflate(payload, 10'000'000);
    EXPECT_TRUE(inflated);
    return inflated ? std::string(*inflated) : std::string();
  }
  static std::string body(std::string_view filling) {
    return R"({"event":"request:created","requestId":"r1","data":{"s":")" + std::string(filling) +
           R"("},"performedBy":{"userId":"u1","name":"Ursula"}})";
  }
  std::string deflated_total() {
    const std::string text = get("/metrics");
    const std::size_t at = text.find("\ncrier_deflated_total ") + 22;
    return text.substr(at, text.find('\n', at) - at);
  }
  /// Hexadecimal digits that shrink to a half.
  static std::string digits(std::size_t size, std::uint32_t state) {
    std::string text;
    while (text.size() < size) {
      state = state * 1664525 + 1013904223;
      text.push_back("0123456789abcdef"[state >> 28U]);
    }
    return text;
  }

  websocket::Inflater inflater_;
  bool compressed_ = false;
};

TEST_F(DeflateTest, IsOffByDefault) {
  GatewayFixture::run();
  LoopbackClient client(gateway->port());
  EXPECT_THAT(client.open_websocket(target, offer), Not(HasSubstr("Extensions")));
  client.read_frame();
  client.write(LoopbackClient::frame("40", '\xC1'));
  EXPECT_EQ(client.read_frame(), "\x03\xEA");  // 1002
}

TEST_F(DeflateTest, IsNegotiatedOnlyIfItIsOfferedAndCanBeHad) {
  run_with();
  for (const std::string_view header :
       {"", "Sec-WebSocket-Extensions: x\r\n", "Sec-WebSocket-Extensions: @\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n"}) {
    LoopbackClient client(gateway->port());
    const std::string response = client.open_websocket(target, header);
    EXPECT_THAT(response, StartsWith("HTTP/1.1 101"));
    EXPECT_THAT(response, Not(HasSubstr("Extensions"))) << header;
  }
  LoopbackClient client(gateway->port());
  EXPECT_THAT(client.open_websocket(target,
                                    "Sec-WebSocket-Extensions: x\r\nSec-WebSocket-Extensions: "
                                    "permessage-deflate; client_max_window_bits\r\n"),
              HasSubstr("\r\nSec-WebSocket-Extensions: permessage-deflate; "));
}

TEST_F(DeflateTest, CompressesABroadcastOnceForAllWhoNegotiatedIt) {
  run_with();
  auto first = deflating_member("u1");
  auto plain = member("u1");
  auto second = deflating_member("u1");
  auto stranger = member("u2");
  const std::string filling(2'000, 'x');
  for (int round = 1; round <= 2; ++round) {
    EXPECT_THAT(post("p1", body(filling)), StartsWith("HTTP/1.1 202"));
    const std::string text = message(*plain);
    EXPECT_FALSE(compressed_);
    EXPECT_THAT(text, HasSubstr(filling));
    for (LoopbackClient* client : {first.get(), second.get()}) {
      EXPECT_EQ(message(*client), text);
      EXPECT_TRUE(compressed_);
    }
    EXPECT_EQ(deflated_total(), std::to_string(round));
  }
  post("p2", body(filling));
  EXPECT_THAT(message(*stranger), HasSubstr(filling));
  EXPECT_EQ(deflated_total(), "2") << "nobody there wants it";
}

TEST_F(DeflateTest, LeavesShortMessagesAlone) {
  run_with(2'000);
  auto client = deflating_member("u1");
  post("p1", body(std::string(1'500, 'x')));
  EXPECT_THAT(message(*client), HasSubstr("xxx"));
  EXPECT_FALSE(compressed_);
  post("p1", body(std::string(2'000, 'x')));
  EXPECT_THAT(message(*client), HasSubstr("xxx"));
  EXPECT_TRUE(compressed_);
}

TEST_F(DeflateTest, CompressesEachEventOfAReplayOnce) {
  run_with();
  for (const char c : {'a', 'b', 'c'}) post("p1", body(std::string(2'000, c)));
  for (int round = 0; round < 2; ++round) {
    auto client = deflating_member("u1", ",\"lastEventTimestamp\":1");
    for (const char c : {'a', 'b', 'c'}) {
      EXPECT_THAT(message(*client), HasSubstr(std::string(2'000, c)));
      EXPECT_TRUE(compressed_);
    }
    EXPECT_THAT(message(*client), StartsWith("42[\"catchup\","));
    EXPECT_FALSE(compressed_);
    EXPECT_EQ(deflated_total(), "3");
  }
}

// A decompression bomb is refused at the bound of a message, which is told to every client.
TEST_F(DeflateTest, TakesWhatAClientCompressesUpToTheBoundOfAMessage) {
  run_with();
  const std::string begin = R"(40{"token":")" + token("u1") + R"(","more":")";
  for (const std::size_t size : {20'000, 20'001}) {
    auto client = deflating();
    const std::string connect = begin + std::string(size - begin.size() - 2, 'y') + "\"}";
    websocket::Deflater deflater(0);
    const auto frame = deflater.frame(websocket::Opcode::text, connect);
    ASSERT_TRUE(frame);
    const std::size_t header = (*frame)[1] == 126 ? 4 : 2;
    client->write(LoopbackClient::frame(frame->substr(header), '\xC1'));
    EXPECT_THAT(client->read_frame(), StartsWith(size == 20'000 ? "40{\"sid\":" : "\x03\xF1"));
  }
}

TEST_F(DeflateTest, CompressesAfterAnUpgradeFromPollingToo) {
  run_with();
  const std::string polling = "/socket.io/?EIO=4&transport=polling";
  const std::string opened = get(polling);
  const std::string sid = "&sid=" + opened.substr(opened.find("\"sid\":\"") + 7, 20);
  const std::string connect = "40{\"token\":\"" + token("u1") + "\"}";
  LoopbackClient poster(gateway->port());
  poster.write("POST " + polling + sid + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
               "Content-Length: " + std::to_string(connect.size()) + "\r\n\r\n" + connect);
  EXPECT_THAT(poster.read_all(), EndsWith("ok"));
  EXPECT_THAT(get(polling + sid), HasSubstr("40{\"sid\":"));
  LoopbackClient client(gateway->port());
  EXPECT_THAT(client.open_websocket(std::string(target) + sid, offer), HasSubstr("Extensions"));
  client.write_text("2probe");
  EXPECT_EQ(message(client), "3probe");
  client.write_text("5");
  post("p1", body(std::string(2'000, 'x')));
  post("p1", body(std::string(2'000, 'y')));
  EXPECT_THAT(message(client), HasSubstr("xxx"));
  EXPECT_THAT(message(client), HasSubstr("yyy"));
  EXPECT_TRUE(compressed_);
}

TEST_F(DeflateTest, SendsAReaderThatLagsTheRestOfItsOwnFrame) {
  run_with();
  auto late = deflating_member("u1");
  auto plain_late = member("u1");
  constexpr std::uint32_t events = 60;
  for (std::uint32_t i = 0; i < events; ++i) {
    ASSERT_THAT(post("p1", body(digits(200'000, i))), StartsWith("HTTP/1.1 202"));
  }
  for (std::uint32_t i = 0; i < events; ++i) {
    EXPECT_THAT(message(*late), HasSubstr(digits(200'000, i))) << i;
    EXPECT_TRUE(compressed_);
    EXPECT_THAT(message(*plain_late), HasSubstr(digits(200'000, i))) << i;
    EXPECT_FALSE(compressed_);
  }
}

}  // namespace
}  // namespace crier::node
