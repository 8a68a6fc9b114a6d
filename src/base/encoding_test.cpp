#include "base/encoding.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace crier {
namespace {

using namespace std::string_literals;

TEST(Base64, EncodesTheVectorsOfRfc4648) {
  const struct {
    const char* bytes;
    const char* standard;
    const char* url;
  } cases[] = {
      {"", "", ""},
      {"f", "Zg==", "Zg"},
      {"fo", "Zm8=", "Zm8"},
      {"foo", "Zm9v", "Zm9v"},
      {"foob", "Zm9vYg==", "Zm9vYg"},
      {"fooba", "Zm9vYmE=", "Zm9vYmE"},
      {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
      {"\xfb\xff\xbe", "+/++", "-_--"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(base64_encode(c.bytes), c.standard);
    EXPECT_EQ(base64_decode_lenient(c.standard), c.bytes);
    EXPECT_EQ(base64_decode_lenient(c.url), c.bytes);
    EXPECT_EQ(base64url_encode(c.bytes), c.url);
    EXPECT_EQ(base64url_decode(c.url), c.bytes);
  }
}

TEST(Base64, RoundTripsEveryByte) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const std::string part = bytes.substr(bytes.size() - size);
    EXPECT_EQ(base64_decode_lenient(base64_encode(part)), part);
    EXPECT_EQ(base64url_decode(base64url_encode(part)), part);
  }
}

TEST(Base64, IsLenientAboutPaddingAndSurplusBitsOnly) {
  EXPECT_EQ(base64_decode_lenient("Zg="), "f");
  EXPECT_EQ(base64_decode_lenient("Zh=="), "f");
  EXPECT_EQ(base64_decode_lenient("Zm9v=="), "foo");
  EXPECT_EQ(base64_decode_lenient("-/+_"), "\xfb\xff\xbf"s);
  for (const auto& text :
       {"A"s, "Zm9vY"s, "Zg==="s, "Z=g="s, "Zm9 v"s, "Zm9v\n"s, "Zm9*"s, "Zm9\0"s, "Zm9\xff"s}) {
    EXPECT_EQ(base64_decode_lenient(text), std::nullopt) << text;
  }
}

TEST(Base64Url, RefusesAllButTheOneSpelling) {
  for (const auto& text : {"A"s, "Zg=="s, "Zg="s, "Zh"s, "Zm9"s, "+/++"s, "Zm9v "s, "Zm9v\0"s}) {
    EXPECT_EQ(base64url_decode(text), std::nullopt) << text;
  }
}

TEST(Hex, IsLowerCase) {
  EXPECT_EQ(hex_encode(""), "");
  EXPECT_EQ(hex_encode("\x00\x09\xaf\xff"s), "0009afff");
}

TEST(PercentEncoding, IsDecodedOnce) {
  const struct {
    std::string text;
    std::optional<std::string> bytes;
  } cases[] = {
      {"", ""},
      {"plain-text", "plain-text"},
      {"a+b", "a+b"},
      {"%41%62", "Ab"},
      {"%c3%A4", "ä"},
      {"%2541", "%41"},
      {"%00", "\0"s},
      {"x%20", "x "},
      {"%", std::nullopt},
      {"%4", std::nullopt},
      {"a%4g", std::nullopt},
      {"%-1", std::nullopt},
      {"%%41", std::nullopt},
      {"%4", std::nullopt},
      {"% 1", std::nullopt},
  };
  for (const auto& c : cases) EXPECT_EQ(percent_decode(c.text), c.bytes) << c.text;
  EXPECT_EQ(percent_decode(std::string_view("%41").substr(0, 2)), std::nullopt);
}

const std::vector<std::string> good_utf8 = {
    "",
    "ascii that is longer than one word",
    "\0\x7f"s,
    "\xc2\x80\xdf\xbf",                  // U+0080, U+07FF
    "\xe0\xa0\x80\xef\xbf\xbf",          // U+0800, U+FFFF
    "\xed\x9f\xbf\xee\x80\x80",          // around the surrogates
    "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",  // U+10000, U+10FFFF
    "12345678ä12345678€1234567😀",
};
const std::vector<std::string> bad_utf8 = {
    "\x80",
    "\xbf",
    "a\xc3",
    "\xc3(",
    "\xc0\xaf",
    "\xc1\xbf",
    "\xe0\x80\x80",
    "\xe0\x9f\xbf",
    "\xed\xa0\x80",
    "\xed\xbf\xbf",
    "\xe2\x82",
    "\xe2(\xa1",
    "\xf0\x80\x80\x80",
    "\xf0\x8f\xbf\xbf",
    "\xf4\x90\x80\x80",
    "\xf5\x80\x80\x80",
    "\xf0\x9f\x98",
    "\xff",
    "\xfe",
    "12345678\x80",
    "1234567\xc3",
    "\xe2\x82\xc3\xa4",
};

TEST(Utf8, IsToldFromIllFormedBytes) {
  for (const auto& text : good_utf8) EXPECT_TRUE(is_utf8(text)) << hex_encode(text);
  for (const auto& text : bad_utf8) EXPECT_FALSE(is_utf8(text)) << hex_encode(text);
}

/// By the definition: decode, and compare with the range of the length. Lengths 1 to 4.
bool is_one_character(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  constexpr unsigned lead_bits[] = {0x00, 0xC0, 0xE0, 0xF0};
  constexpr unsigned lead_mask[] = {0x80, 0xE0, 0xF0, 0xF8};
  constexpr unsigned least[] = {0, 0x80, 0x800, 0x10000};
  const std::size_t n = bytes.size() - 1;
  if ((at(0) & lead_mask[n]) != lead_bits[n]) return false;
  unsigned code_point = at(0) & ~lead_mask[n];
  for (std::size_t i = 1; i <= n; ++i) {
    if ((at(i) & 0xC0U) != 0x80) return false;
    code_point = code_point << 6U | (at(i) & 0x3FU);
  }
  return code_point >= least[n] && code_point <= 0x10FFFF &&
         (code_point < 0xD800 || code_point > 0xDFFF);
}

TEST(Utf8, AgreesWithTheDefinitionForAllShortSequences) {
  const auto byte = [](unsigned value) { return static_cast<char>(value); };
  for (unsigned a = 0; a < 256; ++a) {
    EXPECT_EQ(is_utf8(std::string{byte(a)}), a < 0x80) << a;
    for (unsigned b = 0; b < 256; ++b) {
      const std::string two{byte(a), byte(b)};
      EXPECT_EQ(is_utf8(two), (a < 0x80 && b < 0x80) || is_one_character(two)) << hex_encode(two);
      for (const unsigned c : {0x00U, 0x41U, 0x7FU, 0x80U, 0xBFU, 0xC2U, 0xFFU}) {
        if (a < 0xC0) continue;
        const std::string three{byte(a), byte(b), byte(c)};
        const bool tail = is_one_character(two) && c < 0x80;
        EXPECT_EQ(is_utf8(three), tail || is_one_character(three)) << hex_encode(three);
        const std::string four{byte(a), byte(b), byte(c), byte(0x80)};
        if (a >= 0xE0) {
          EXPECT_EQ(is_utf8(four), is_one_character(four)) << hex_encode(four);
        }
      }
    }
  }
}

TEST(Utf8Checker, SeesTheSameInPiecesCutAnywhere) {
  for (const bool good : {true, false}) {
    for (const auto& text : good ? good_utf8 : bad_utf8) {
      for (std::size_t split = 0; split <= text.size(); ++split) {
        Utf8Checker checker;
        const bool fed = checker.feed(std::string_view(text).substr(0, split)) &&
                         checker.feed(std::string_view(text).substr(split));
        EXPECT_EQ(fed && checker.complete(), good) << hex_encode(text) << " at " << split;
      }
      Utf8Checker checker;
      bool fed = true;
      for (const char c : text) fed = checker.feed({&c, 1});
      EXPECT_EQ(fed && checker.complete(), good) << hex_encode(text);
    }
  }
}

TEST(Utf8Checker, StaysSpentAfterAFailure) {
  Utf8Checker checker;
  EXPECT_FALSE(checker.feed("\xff"));
  EXPECT_FALSE(checker.feed("a"));
  EXPECT_FALSE(checker.feed(""));
  EXPECT_FALSE(checker.complete());
}

TEST(Utf8Checker, FailsAtTheFirstByteThatCannotContinue) {
  Utf8Checker checker;
  EXPECT_TRUE(checker.feed("\xed"));
  EXPECT_FALSE(checker.complete());
  EXPECT_FALSE(checker.feed("\xa0"));  // would begin a surrogate
}

TEST(ParseNumber, TakesDecimalsBelowTwoToThe53rd) {
  EXPECT_EQ(parse_number("0"), 0U);
  EXPECT_EQ(parse_number("10"), 10U);
  EXPECT_EQ(parse_number("9007199254740991"), 9'007'199'254'740'991U);
  for (const std::string_view text : {"", "01", "00", "-1", "+1", " 1", "1 ", "1e3", "0x1",
                                      "9007199254740992", "99999999999999999999999"}) {
    EXPECT_FALSE(parse_number(text)) << text;
  }
}

TEST(ConstantTimeComparison, ComparesLengthAndEveryByte) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("abc\xff", "abc\xff"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("xbc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abcd"));
  EXPECT_FALSE(equal_in_constant_time("abc", ""));
}

}  // namespace
}  // namespace crier
