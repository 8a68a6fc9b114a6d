#include "websocket/frame_fixture.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace crier::websocket {
namespace {

TEST(WebSocketFrame, IsFinalAndUnmaskedWithTheShortestLength) {
  EXPECT_EQ(frame(Opcode::text, "Hello"), "\x81\x05Hello");  // RFC 6455 section 5.7
  EXPECT_EQ(frame(Opcode::binary, ""), std::string("\x82\0", 2));
  EXPECT_EQ(frame(Opcode::ping, "x"), "\x89\x01x");
  const std::string long_125(125, 'x');
  const std::string long_126(126, 'x');
  const std::string long_16(0xFFFF, 'x');
  const std::string long_64(0x10000, 'x');
  EXPECT_EQ(frame(Opcode::text, long_125), "\x81\x7D" + long_125);
  EXPECT_EQ(frame(Opcode::text, long_126), std::string("\x81\x7E\0\x7E", 4) + long_126);
  EXPECT_EQ(frame(Opcode::text, long_16), "\x81\x7E\xFF\xFF" + long_16);
  EXPECT_EQ(frame(Opcode::text, long_64), std::string("\x81\x7F\0\0\0\0\0\1\0\0", 10) + long_64);
}

TEST(WebSocketFrame, ClosesWithCodeAndReasonCutAtACharacter) {
  EXPECT_EQ(close_frame(CloseCode::none), std::string("\x88\0", 2));
  EXPECT_EQ(close_frame(CloseCode::none, "dropped"), std::string("\x88\0", 2));
  EXPECT_EQ(close_frame(CloseCode::normal), "\x88\x02\x03\xE8");
  EXPECT_EQ(close_frame(CloseCode::too_big, "why"), "\x88\x05\x03\xF1why");
  EXPECT_EQ(close_frame(static_cast<CloseCode>(4999)), "\x88\x02\x13\x87");
  const std::string fits(123, 'x');
  EXPECT_EQ(close_frame(CloseCode::normal, fits + "x"), "\x88\x7D\x03\xE8" + fits);
  const std::string cut(121, 'x');
  EXPECT_EQ(close_frame(CloseCode::normal, cut + "\xE2\x82\xAC"), "\x88\x7B\x03\xE8" + cut);
  const std::string whole(120, 'x');
  EXPECT_EQ(close_frame(CloseCode::normal, whole + "\xE2\x82\xAC" + "xx"),
            "\x88\x7D\x03\xE8" + whole + "\xE2\x82\xAC");
}

TEST(WebSocketFrameDeathTest, RefusesToWriteWhatMayNotBeSent) {
  EXPECT_DEATH(frame(Opcode::ping, std::string(126, 'x')), "assertion failed");
  EXPECT_DEATH(close_frame(static_cast<CloseCode>(1005)), "assertion failed");
}

TEST(WebSocketReader, ReadsMessagesHoweverTheyAreCut) {
  const std::string long_16(300, 'x');
  const std::string long_64(70'000, 'y');
  check({
      {"nothing", "", ""},
      {"RFC 6455 section 5.7", "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "text{Hello}"},
      {"an empty one", text(""), "text{}"},
      {"UTF-8", text("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
       "text{\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80}"},
      {"binary", client(0x82, "\xFF\xC0"), "binary{\xFF\xC0}"},
      {"several", text("a") + client(0x82, "b") + text("c"), "text{a}binary{b}text{c}"},
      {"125 bytes", text(std::string(125, 'x')), "text{" + std::string(125, 'x') + "}"},
      {"a length of 16 bits", text(long_16), "text{" + long_16 + "}"},
      {"a length of 64 bits", text(long_64) + text("z"), "text{" + long_64 + "}text{z}"},
      {"ping and pong", client(0x89, "a") + client(0x8A, ""), "ping{a}pong{}"},
      {"ping of 125 bytes", client(0x89, std::string(125, 'x')),
       "ping{" + std::string(125, 'x') + "}"},
      {"half a frame", text("abc").substr(0, 7), "more"},
      {"half a header", text("abc").substr(0, 1), "more"},
  });
}

TEST(WebSocketReader, JoinsFragments) {
  check({
      {"two", client(0x01, "Hel") + client(0x80, "lo"), "text{Hello}"},
      {"of nothing", client(0x01, "") + client(0x00, "") + client(0x80, ""), "text{}"},
      {"a control frame between", client(0x02, "a") + client(0x89, "p") + client(0x80, "b"),
       "ping{p}binary{ab}"},
      {"many control frames between",
       client(0x01, "a") + client(0x89, "one") + client(0x00, "b") + client(0x8A, "") +
           client(0x89, "two") + client(0x80, "c"),
       "ping{one}pong{}ping{two}text{abc}"},
      {"two messages",
       client(0x01, "a") + client(0x80, "b") + client(0x02, "c") + client(0x80, "d"),
       "text{ab}binary{cd}"},
      {"characters over edges",
       client(0x01, "\xF0\x9F") + client(0x00, "\x98") + client(0x80, "\x80"),
       "text{\xF0\x9F\x98\x80}"},
      {"no end yet", client(0x01, "a"), "more"},
      {"a close before the end", client(0x01, "a") + close(""), "close{}0more"},
  });
}

TEST(WebSocketReader, RefusesFramesThatBreakTheProtocol) {
  const std::string unmasked("\x81\x01x", 3);
  check({
      {"unmasked", unmasked, "1002"},
      {"unmasked after a good one", text("a") + unmasked, "text{a}1002"},
      {"continuation without start", client(0x80, "a"), "1002"},
      {"continuation after a whole message", text("a") + client(0x00, "b"), "text{a}1002"},
      {"a new text inside a message", client(0x01, "a") + text("b"), "1002"},
      {"a new binary inside a message", client(0x01, "a") + client(0x02, "b"), "1002"},
      {"a fragmented ping", client(0x09, "a"), "1002"},
      {"a fragmented close", client(0x08, ""), "1002"},
      {"a ping of 126 bytes", client(0x89, std::string(126, 'x')), "1002"},
      {"a pong that tells 64 bits", header(0x8A, 1, 8), "1002"},
      {"125 in 16 bits", header(0x81, 125, 2), "1002"},
      {"0 in 16 bits", header(0x81, 0, 2), "1002"},
      {"65535 in 64 bits", header(0x81, 0xFFFF, 8), "1002"},
      {"1 in 64 bits", header(0x81, 1, 8), "1002"},
      {"the top bit", header(0x82, 1ULL << 63U, 8), "1002"},
      {"all bits", header(0x82, ~0ULL, 8), "1002"},
  });
}

// CVE-2022-21676: an illegal first byte ended the process.
TEST(WebSocketReader, JudgesEveryFirstByte) {
  for (unsigned first = 0; first < 256; ++first) {
    const unsigned opcode = first & 0x0FU;
    const bool fin = (first & 0x80U) != 0;
    const bool reserved = (first & 0x70U) != 0;
    const bool starts = opcode == 1 || opcode == 2;
    const bool control = opcode >= 8 && opcode <= 10 && fin;
    const bool legal = !reserved && (starts || control);
    const bool legal_inside = !reserved && (opcode == 0 || control);
    const std::string byte(1, static_cast<char>(first));
    EXPECT_EQ(outcome(byte), legal ? "more" : "1002") << first;
    EXPECT_EQ(outcome(client(0x01, "a") + byte), legal_inside ? "more" : "1002") << first;
    EXPECT_EQ(outcome(client(first, "")).starts_with("1002"), !legal) << first;
  }
}

TEST(WebSocketReader, RefusesTextThatIsNotUtf8AsSoonAsItShows) {
  for (const std::string bad : {"\xFF", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82",
                                "\x80", "\xC3\x28", "\xF8\x88\x80\x80\x80"}) {
    EXPECT_EQ(outcome(text(bad)), "1007");
    EXPECT_EQ(outcome(text("abc" + bad)), "1007");
    EXPECT_EQ(outcome(client(0x01, "a") + client(0x80, bad)), "1007");
    EXPECT_EQ(outcome(client(0x82, bad)), "binary{" + bad + "}");
  }
  check({
      {"in a fragment, before the end", client(0x01, "a\xFF"), "1007"},
      {"in a frame, before its end", header(0x81, 100, 0) + masked("a\xFF"), "1007"},
      {"a character that the last fragment cuts", client(0x01, "a") + client(0x80, "\xC3"), "1007"},
      {"a character with a ping inside",
       client(0x01, "\xC3") + client(0x89, "\xFF") + client(0x80, "\xA9"),
       "ping{\xFF}text{\xC3\xA9}"},
      {"the next message starts anew",
       client(0x01, "a") + client(0x80, "b") + client(0x01, "\xC3") + client(0x80, "\xA9"),
       "text{ab}text{\xC3\xA9}"},
  });
}

TEST(WebSocketReader, ReadsCloseFrames) {
  const auto code = [](unsigned number) {
    return std::string{static_cast<char>(number >> 8U), static_cast<char>(number)};
  };
  check({
      {"without code", close(""), "close{}0"},
      {"with a reason", close(code(1000) + "bye \xC3\xA9"), "close{bye \xC3\xA9}1000"},
      {"with the longest reason", close(code(1001) + std::string(123, 'x')),
       "close{" + std::string(123, 'x') + "}1001"},
      {"of one byte", close("\x03"), "1002"},
      {"with a reason that is not UTF-8", close(code(1000) + "\xFF"), "1007"},
      {"with a reason cut short", close(code(1000) + "\xC3"), "1007"},
      {"with a bad code and a bad reason", close(code(999) + "\xFF"), "1002"},
  });
  for (const unsigned good : {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
                              1014, 3000, 3999, 4000, 4999}) {
    EXPECT_EQ(outcome(close(code(good))), "close{}" + std::to_string(good));
  }
  for (const unsigned bad :
       {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    EXPECT_EQ(outcome(close(code(bad))), "1002") << bad;
  }
}

// CVE-2016-10542, CVE-2016-10518: memory was taken for the length that a header told, before any
// limit was asked.
TEST(WebSocketReader, AsksTheLimitBeforeItKeepsOrTakesAnything) {
  const ReaderLimits limits{.message_bytes_max = 200};
  const std::string most(200, 'x');
  check(
      {
          {"at the limit", text(most), "text{" + most + "}"},
          {"over it, by the header", header(0x81, 201, 2), "1009"},
          {"far over it", header(0x81, ~0ULL >> 1U, 8), "1009"},
          {"over it by fragments", client(0x01, std::string(150, 'x')) + header(0x80, 51, 0),
           "1009"},
          {"at it by fragments",
           client(0x01, std::string(150, 'x')) + client(0x80, std::string(50, 'x')),
           "text{" + most + "}"},
          {"control frames do not count",
           client(0x01, most) + client(0x89, std::string(125, 'p')) + client(0x80, ""),
           "ping{" + std::string(125, 'p') + "}text{" + most + "}"},
          {"over it before the key has come", header(0x81, 201, 2).substr(0, 4), "1009"},
      },
      limits);
  EXPECT_EQ(outcome(header(0x81, 1, 0), ReaderLimits{.message_bytes_max = 0}), "1009");

  const ReaderLimits large{.message_bytes_max = 1 << 30};
  Reader reader(large);
  std::string start = header(0x82, 1 << 30, 8) + "abc";
  std::span<char> input(start);
  ASSERT_TRUE(reader.next(input).has_value());
  EXPECT_LT(reader.held_bytes(), 1000U) << "memory grows with what has come, not with what is told";
}

// CVE-2026-62389, CVE-2026-48779, CVE-2026-9675: tiny fragments cost far more than their bytes.
TEST(WebSocketReader, BoundsTheFragmentsOfAMessage) {
  const ReaderLimits limits{.fragments_max = 4};
  const std::string middle = client(0x00, "b");
  check(
      {
          {"at the limit", client(0x01, "a") + middle + middle + client(0x80, "c"), "text{abbc}"},
          {"over it", client(0x01, "a") + middle + middle + middle + client(0x80, "c"), "1008"},
          {"over it, of nothing", client(0x01, "") + repeat(client(0x00, ""), 4), "1008"},
          {"control frames do not count",
           client(0x01, "a") + repeat(client(0x89, ""), 9) + client(0x80, "b"),
           repeat("ping{}", 9) + "text{ab}"},
          {"each message counts anew", repeat(client(0x01, "a") + middle + client(0x80, "c"), 3),
           "text{abc}text{abc}text{abc}"},
      },
      limits);

  const ReaderLimits usual;
  Reader reader(usual);
  std::string flood = client(0x01, "a") + repeat(middle, usual.fragments_max - 1);
  std::span<char> input(flood);
  ASSERT_TRUE(reader.next(input).has_value());
  EXPECT_LT(reader.held_bytes(), 3 * usual.fragments_max) << "a fragment leaves only its bytes";
}

TEST(WebSocketReader, ReturnsAWholeMessageWithoutCopyingIt) {
  const ReaderLimits limits;
  Reader reader(limits);
  std::string bytes = text("abc") + client(0x89, "p");
  std::span<char> input(bytes);
  const auto first = reader.next(input);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((**first).data.data(), bytes.data() + 6);
  const auto second = reader.next(input);
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((**second).data.data() + 1, bytes.data() + bytes.size());
  EXPECT_EQ(reader.held_bytes(), 0U);
}

TEST(WebSocketReader, HoldsMemoryOnlyWhileAMessageIsHalfRead) {
  const ReaderLimits limits;
  Reader reader(limits);
  const std::string message = client(0x01, std::string(5000, 'x')) + client(0x80, "y");
  std::vector<char> own(message.begin(), message.end());
  std::span<char> start(own.data(), own.size() - 1);
  ASSERT_TRUE(reader.next(start).has_value());
  EXPECT_GE(reader.held_bytes(), 5000U);
  std::span<char> end(own.data() + own.size() - 1, 1);
  const auto whole = reader.next(end);
  ASSERT_TRUE(whole && *whole);
  EXPECT_EQ((**whole).data.size(), 5001U);
  const auto nothing = reader.next(end);
  ASSERT_TRUE(nothing && !*nothing);
  EXPECT_EQ(reader.held_bytes(), 0U);
}

TEST(WebSocketReader, UnmasksPiecesOfEveryLengthAndAlignment) {
  std::string payload;
  for (int i = 0; i < 64; ++i) payload.push_back(static_cast<char>(i * 37));
  for (std::size_t length = 0; length <= payload.size(); ++length) {
    const std::string bytes = client(0x82, payload.substr(0, length));
    EXPECT_EQ(outcome(bytes), "binary{" + payload.substr(0, length) + "}");
  }
  const std::string bytes = client(0x82, payload);
  const ReaderLimits limits;
  for (std::size_t step = 1; step < 20; ++step) {
    Transcript transcript(limits);
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      transcript.piece(std::string_view(bytes).substr(at, step));
    }
    EXPECT_EQ(transcript.outcome(), "binary{" + payload + "}") << step;
  }
}

TEST(WebSocketReader, IsSpentAfterAnError) {
  const ReaderLimits limits;
  Reader reader(limits);
  std::string bad = text("\xFF") + text("a");
  std::span<char> input(bad);
  const auto first = reader.next(input);
  ASSERT_FALSE(first.has_value());
  EXPECT_EQ(first.error(), CloseCode::invalid_data);
  const auto second = reader.next(input);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error(), CloseCode::protocol_error);
}

}  // namespace
}  // namespace crier::websocket
