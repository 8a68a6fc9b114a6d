#include "websocket/deflate.hpp"

#include "websocket/frame_fixture.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

namespace crier::websocket {
namespace {

constexpr std::string_view tail("\0\0\xFF\xFF", 4);
constexpr std::string_view hello("\xf2\x48\xcd\xc9\xc9\x07\x00", 7);  // RFC 7692 section 7.2.3.1

/// What zlib makes of it with these settings, with or without the tail.
std::string deflated(std::string_view data, int window_bits = 15, int level = 9,
                     int strategy = Z_DEFAULT_STRATEGY) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, level, Z_DEFLATED, -window_bits, 9, strategy), Z_OK);
  std::string out(deflateBound(&stream, data.size()) + 64, '\0');
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_SYNC_FLUSH), Z_OK);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  EXPECT_TRUE(out.ends_with(tail));
  return out.substr(0, out.size() - tail.size());
}

/// As a client without a server's care would read it.
std::string inflated(std::string data) {
  data += tail;
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, -15), Z_OK);
  std::string out(2'000'000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(data.data());
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_SYNC_FLUSH), Z_OK);
  EXPECT_EQ(stream.avail_in, 0U);
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

/// Bytes that do not compress.
std::string noise(std::size_t size) {
  std::string out;
  std::uint32_t state = 1;
  while (out.size() < size) {
    state = state * 1664525 + 1013904223;
    out.push_back(static_cast<char>(state >> 24U));
  }
  return out;
}

std::string json(std::size_t size) {
  std::string out = "[";
  for (int i = 0; out.size() < size; ++i) {
    out += R"({"id":)" + std::to_string(i * 7919) + R"(,"status":"open"},)";
  }
  out.resize(size);
  return out;
}

std::string inflate_outcome(std::string_view data, std::size_t bytes_max = 1'000'000) {
  Inflater inflater;
  const auto message = inflater.inflate(data, bytes_max);
  if (message) return "{" + std::string(*message) + "}";
  return std::to_string(static_cast<int>(message.error()));
}

// Inflater.

TEST(WebSocketInflater, ReadsTheExamplesOfTheRfc) {
  EXPECT_EQ(inflate_outcome(hello), "{Hello}");
  EXPECT_EQ(inflate_outcome(std::string_view("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11)),
            "{Hello}");
  EXPECT_EQ(inflate_outcome(std::string_view("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8)), "{Hello}");
  EXPECT_EQ(
      inflate_outcome(std::string_view("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13)),
      "{Hello}");
  EXPECT_EQ(inflate_outcome(std::string_view("\x00", 1)), "{}");
}

TEST(WebSocketInflater, TakesAFinalBlockAtTheEndWithAndWithoutWhatBelongsBehindIt) {
  constexpr std::string_view final_hello = "\xf3\x48\xcd\xc9\xc9\x07";
  const std::string bare = std::string(final_hello) + '\0';
  EXPECT_EQ(inflate_outcome(bare), "{Hello}");
  EXPECT_EQ(inflate_outcome(bare + bare), "{HelloHello}");
  EXPECT_EQ(inflate_outcome(bare + std::string(hello)), "{HelloHello}");
}

TEST(WebSocketInflater, ReadsWhatZlibWritesWithEverySetting) {
  for (const std::string& message :
       {std::string("a"), json(100), json(70'000), noise(70'000), std::string(300'000, 'x')}) {
    for (const int window : {9, 12, 15}) {
      for (const int level : {0, 1, 9}) {
        for (const int strategy : {Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_FIXED}) {
          EXPECT_EQ(inflate_outcome(deflated(message, window, level, strategy)),
                    "{" + message + "}");
        }
      }
    }
  }
}

TEST(WebSocketInflater, RefusesWhatIsNotDeflate) {
  for (const std::string& bad :
       {std::string("\xFF"), std::string("\x07"), std::string("\x06\x00", 2), noise(100),
        std::string(hello) + "\xFF", std::string("\x02\x07\x00", 3)}) {
    EXPECT_EQ(inflate_outcome(bad), "1007") << testing::PrintToString(bad);
  }
}

TEST(WebSocketInflater, RefusesWhatEndsTooSoon) {
  EXPECT_EQ(inflate_outcome(""), "1007");
  const std::string data = deflated(json(2'000));
  for (std::size_t size = 0; size < data.size(); ++size) {
    EXPECT_EQ(inflate_outcome(data.substr(0, size)), "1007") << size;
  }
}

// What has come out of an earlier message is not there for the next, sound or not.
TEST(WebSocketInflater, BeginsEachMessageAnew) {
  Inflater inflater;
  ASSERT_TRUE(inflater.inflate(hello, 100));
  const std::string copy_of_five("\x02\x13\x00\x00", 4);  // a reference behind the beginning
  EXPECT_FALSE(inflater.inflate(copy_of_five, 100));
  ASSERT_FALSE(inflater.inflate(hello, 4));
  const auto again = inflater.inflate(hello, 100);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, "Hello");
}

// A decompression bomb: 1,000 times as large as what was sent.
TEST(WebSocketInflater, StopsAtTheBoundHoweverMuchIsBehindIt) {
  const std::string message(1'000'000, 'x');
  const std::string data = deflated(message);
  ASSERT_LT(data.size(), 1'100U);
  EXPECT_EQ(inflate_outcome(data, 1'000'000), "{" + message + "}");
  EXPECT_EQ(inflate_outcome(data, 999'999), "1009");
  EXPECT_EQ(inflate_outcome(data, 1), "1009");
  EXPECT_EQ(inflate_outcome(data, 0), "1009");
  EXPECT_EQ(inflate_outcome(std::string_view("\x00", 1), 0), "{}");
  for (const std::size_t size : {16'383, 16'384, 16'385, 32'768}) {  // the inflater's own pieces
    const std::string edge = deflated(std::string(size, 'y'));
    EXPECT_EQ(inflate_outcome(edge, size).size(), size + 2);
    EXPECT_EQ(inflate_outcome(edge, size - 1), "1009");
  }
  // The bound comes before damage that is behind it.
  EXPECT_EQ(inflate_outcome(data.substr(0, data.size() / 2) + noise(100), 1'000), "1009");
}

// Deflater.

TEST(WebSocketDeflater, CompressesFromItsThresholdOn) {
  const std::string message = json(2'000);
  Deflater at(2'000);
  const auto frame = at.frame(Opcode::text, message);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->substr(0, 2), "\xC1\x7E");
  EXPECT_LT(frame->size(), message.size() / 2);
  EXPECT_EQ(inflated(frame->substr(4)), message);
  EXPECT_EQ(at.frames(), 1U);
  Deflater above(2'001);
  EXPECT_EQ(above.frame(Opcode::text, message), std::nullopt);
  EXPECT_EQ(above.frames(), 0U);
  EXPECT_EQ(Deflater(0).frame(Opcode::text, ""), std::nullopt);
}

TEST(WebSocketDeflater, LeavesAloneWhatDoesNotShrink) {
  Deflater deflater(0);
  for (const std::size_t size : {1, 2, 5, 10, 1'000, 100'000}) {
    EXPECT_EQ(deflater.frame(Opcode::binary, noise(size)), std::nullopt) << size;
  }
  const std::string little(8, 'x');
  const auto frame = deflater.frame(Opcode::binary, little);
  ASSERT_TRUE(frame);
  EXPECT_LT(frame->size(), little.size() + 2);
  EXPECT_EQ(inflated(frame->substr(2)), little);
}

TEST(WebSocketDeflater, RefersToNoEarlierMessage) {
  Deflater deflater(0);
  const std::string message = json(5'000);
  const auto first = deflater.frame(Opcode::text, message);
  EXPECT_EQ(deflater.frame(Opcode::text, noise(5'000)), std::nullopt);
  EXPECT_EQ(deflater.frame(Opcode::text, message), first);
}

TEST(WebSocketDeflater, WritesFramesOfEveryLength) {
  Deflater deflater(0);
  for (const std::size_t size : {1'000, 70'000, 1'000'000}) {
    const std::string message = json(size);
    const auto frame = deflater.frame(Opcode::binary, message);
    ASSERT_TRUE(frame);
    const std::size_t header = frame->size() < 128 ? 2 : frame->size() < 0x10000 ? 4 : 10;
    EXPECT_EQ(frame->front(), '\xC2');
    EXPECT_EQ(inflated(frame->substr(header)), message);
  }
}

TEST(WebSocketDeflaterDeathTest, CompressesNoControlFrame) {
  EXPECT_DEATH(Deflater(0).frame(Opcode::ping, std::string(100, 'x')), "assertion failed");
}

// Reader.

TEST(WebSocketReaderOfCompressed, TakesMessagesWholeAndInFragments) {
  Inflater inflater;
  const std::string one = deflated("one \xC3\xA9");
  check(
      {
          {"text", client(0xC1, std::string(hello)), "text{Hello}"},
          {"binary", client(0xC2, deflated("\xFF")), "binary{\xFF}"},
          {"plain ones between", text("a") + client(0xC1, one) + text("b"),
           "text{a}text{one \xC3\xA9}text{b}"},
          {"in fragments",
           client(0x41, one.substr(0, 3)) + client(0x00, one.substr(3, 2)) +
               client(0x80, one.substr(5)),
           "text{one \xC3\xA9}"},
          {"the first one empty", client(0x41, "") + client(0x80, one), "text{one \xC3\xA9}"},
          {"the last one empty", client(0x41, one) + client(0x80, ""), "text{one \xC3\xA9}"},
          {"with a ping between",
           client(0x41, one.substr(0, 3)) + client(0x89, "p") + client(0x80, one.substr(3)),
           "ping{p}text{one \xC3\xA9}"},
          {"a plain fragmented one behind it",
           client(0xC1, one) + client(0x01, "\xC3") + client(0x80, "\xA9"),
           "text{one \xC3\xA9}text{\xC3\xA9}"},
          {"a fragmented one behind a plain fragmented one",
           client(0x01, "a") + client(0x80, "b") + client(0x41, one.substr(0, 1)) +
               client(0x80, one.substr(1)),
           "text{ab}text{one \xC3\xA9}"},
          {"empty", client(0xC1, std::string(1, '\0')), "text{}"},
      },
      {}, &inflater);
}

// CVE-2022-21676: an illegal first byte raised an error that nobody expected.
TEST(WebSocketReaderOfCompressed, TakesTheBitOnlyWhereItMayStand) {
  Inflater inflater;
  const std::string data(hello);
  check(
      {
          {"on a continuation", client(0x41, data.substr(0, 2)) + header(0xC0, 1, 0), "1002"},
          {"on a continuation of a plain one", client(0x01, "a") + header(0xC0, 1, 0), "1002"},
          {"on a continuation of nothing", header(0xC0, 1, 0), "1002"},
          {"on a ping", header(0xC9, 1, 0), "1002"},
          {"on a pong", header(0xCA, 1, 0), "1002"},
          {"on a close", header(0xC8, 2, 0), "1002"},
          {"with RSV2", header(0xE1, 1, 0), "1002"},
          {"with RSV3", header(0xD1, 1, 0), "1002"},
          {"RSV2 alone", header(0xA1, 1, 0), "1002"},
          {"on an unknown opcode", header(0xC3, 1, 0), "1002"},
      },
      {}, &inflater);
  EXPECT_EQ(outcome(client(0xC1, data)), "1002") << "without the extension";
}

TEST(WebSocketReaderOfCompressed, ChecksTextAfterInflation) {
  Inflater inflater;
  check(
      {
          {"not UTF-8", client(0xC1, deflated("a\xFF")), "1007"},
          {"cut in a character", client(0xC1, deflated("\xC3")), "1007"},
          {"of binary nothing is asked", client(0xC2, deflated("a\xFF")), "binary{a\xFF}"},
          {"compressed bytes are no text", client(0xC1, deflated(json(300))),
           "text{" + json(300) + "}"},
          {"no DEFLATE", client(0xC1, "\xFF\xFF"), "1007"},
          {"no DEFLATE in fragments", client(0x42, "\xFF") + client(0x80, "\xFF"), "1007"},
          {"of nothing", client(0xC1, ""), "1007"},
      },
      {}, &inflater);
}

// Decompression bombs: the limit is that of the message, not of what was sent.
TEST(WebSocketReaderOfCompressed, BoundsWhatComesOut) {
  Inflater inflater;
  const ReaderLimits limits{.message_bytes_max = 10'000};
  const std::string most = deflated(std::string(10'000, 'x'));
  const std::string more = deflated(std::string(10'001, 'x'));
  const std::string bomb = deflated(std::string(5'000'000, 'x'));
  check(
      {
          {"at the limit", client(0xC1, most), "text{" + std::string(10'000, 'x') + "}"},
          {"over it", client(0xC1, more), "1009"},
          {"over it in fragments", client(0x41, more.substr(0, 5)) + client(0x80, more.substr(5)),
           "1009"},
          {"each message counts anew", client(0xC2, most) + client(0xC2, most),
           "binary{" + std::string(10'000, 'x') + "}binary{" + std::string(10'000, 'x') + "}"},
          {"a bomb", client(0xC1, bomb), "1009"},
      },
      limits, &inflater);
}

// A sender may compress what does not shrink; what is sent has a limit all the same.
TEST(WebSocketReaderOfCompressed, BoundsWhatComesIn) {
  Inflater inflater;
  const ReaderLimits limits{.message_bytes_max = 10'000};
  const std::string most = noise(10'000);
  const std::string data = deflated(most);
  ASSERT_GT(data.size(), most.size());
  EXPECT_EQ(outcome(client(0xC2, data), limits, &inflater), "binary{" + most + "}");
  EXPECT_EQ(outcome(header(0xC2, 10'103, 2), limits, &inflater), "more");
  EXPECT_EQ(outcome(header(0xC2, 10'104, 2), limits, &inflater), "1009");
  EXPECT_EQ(outcome(header(0x82, 10'001, 2), limits, &inflater), "1009") << "for plain ones none";
  EXPECT_EQ(
      outcome(client(0x42, std::string(10'000, 'x')) + header(0x80, 104, 0), limits, &inflater),
      "1009");
}

// CVE-2026-62389, CVE-2026-48779: tiny fragments cost far more than their bytes.
TEST(WebSocketReaderOfCompressed, BoundsItsFragments) {
  Inflater inflater;
  const std::string data(hello);
  const ReaderLimits limits{.fragments_max = 3};
  const std::string start = client(0x41, data.substr(0, 1)) + client(0x00, data.substr(1, 1));
  EXPECT_EQ(outcome(start + client(0x80, data.substr(2)), limits, &inflater), "text{Hello}");
  EXPECT_EQ(outcome(start + client(0x00, "") + header(0x80, 1, 0), limits, &inflater), "1008");
}

TEST(WebSocketReaderOfCompressed, SharesOneInflaterAndHoldsNothingBetweenMessages) {
  Inflater inflater;
  const ReaderLimits limits;
  Reader first(limits, &inflater);
  Reader second(limits, &inflater);
  const std::string message = client(0xC1, std::string(hello));
  std::string half = message.substr(0, 7);
  std::span<char> input(half);
  ASSERT_TRUE(first.next(input));
  for (int i = 0; i < 3; ++i) {
    std::string whole = client(0xC1, deflated(json(30'000)));
    std::span<char> other(whole);
    const auto read = second.next(other);
    ASSERT_TRUE(read && *read);
    EXPECT_EQ((**read).data, json(30'000));
    EXPECT_EQ(second.held_bytes(), 0U);
  }
  std::string rest = message.substr(7);
  input = rest;
  const auto read = first.next(input);
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((**read).data, "Hello");
  EXPECT_TRUE(first.deflates());
  EXPECT_FALSE(Reader(limits).deflates());
}

}  // namespace
}  // namespace crier::websocket
