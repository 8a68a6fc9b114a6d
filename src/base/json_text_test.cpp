#include "base/json_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crier::json {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

std::string nested(std::size_t levels, std::string_view open = "[", std::string_view close = "]") {
  std::string text;
  for (std::size_t i = 0; i < levels; ++i) text += open;
  text += "1";
  for (std::size_t i = 0; i < levels; ++i) text += close;
  return text;
}

// Verdicts of JSON.parse in Node 20.
const std::vector<std::string> valid = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "1.5",
    "0.0",
    "1e5",
    "1E+5",
    "1e-5",
    "-0.1e00",
    "1e999",
    "-1e999",
    "12345678901234567890123",
    "0.00000000000000000000000000000001",
    "\"\"",
    "\"a\"",
    R"("\"\\\/\b\f\n\r\t\u0000\uABcd")",
    R"("\ud800")",
    R"("\udc00\ud800")",
    "\"\x7f\"",
    "\"\xe2\x80\xa8\"",
    "\"longer than eight plain characters\"",
    "[]",
    "[ ]",
    "{}",
    "{ }",
    "[1]",
    "[1,2]",
    " [ 1 , \"a\" , { } ] ",
    "\t\r\n 1 \t\r\n",
    R"({"a":1})",
    R"({"a":1,"a":2})",
    R"({"":{"":{"":[]}}})",
    R"( { "a" : [ { "b" : null } , [ [ ] ] ] , "c" : { } } )",
    "[[],{},\"\",0,null]",
};
const std::vector<std::string> invalid = {
    "",
    " ",
    "nul",
    "nulll",
    "True",
    "tru",
    "NaN",
    "Infinity",
    "-Infinity",
    "undefined",
    "+1",
    "-",
    "01",
    "-01",
    "1.",
    ".5",
    "1.e5",
    "1e",
    "1e+",
    "1e1.5",
    "1e+-1",
    "1e-+1",
    "0x10",
    "1_000",
    "--1",
    "00",
    "- 1",
    "1 2",
    "\"",
    "\"a",
    "\"\\\"",
    "\"\\x41\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\u 123\"",
    "\"\\",
    "\"\\u\"",
    "\"\\u123",
    "\"a\nb\"",
    "\"\t\"",
    "\"12345678\x1f\"",
    "\"\0\""s,
    "'a'",
    "a",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[,]",
    "[1 2]",
    "[1}",
    "{]",
    "{",
    "}",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{\"a\" 1}",
    "{\"a\",1}",
    "{a:1}",
    "{1:1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":}",
    "{\"a\":1]",
    "{\"a\"}",
    "[\"a\":1]",
    "{}{}",
    "[][]",
    "1,",
    "/**/1",
    "\xef\xbb\xbf"
    "1",
    "\xc2\xa0"
    "1",
    "\f1",
    "\v1",
    "1\0"s,
    "\0"s,
    "{{}:1}",
    "{[]:1}",
};

TEST(JsonText, AcceptsWhatJavaScriptAccepts) {
  for (const auto& text : valid) EXPECT_TRUE(is_valid(text)) << text;
}

TEST(JsonText, RefusesWhatJavaScriptRefuses) {
  for (const auto& text : invalid) EXPECT_FALSE(is_valid(text)) << testing::PrintToString(text);
}

TEST(JsonText, RefusesEveryProperPrefixOfAContainer) {
  const std::string text = R"({"a":[1,2.5e1,"x\u00e4\n",{"b":null}],"c":true})";
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(is_valid(text.substr(0, size))) << size;
  EXPECT_TRUE(is_valid(text));
}

TEST(JsonText, FindsTheSpecialCharactersOfAStringWhereverTheyStand) {
  for (std::size_t before = 0; before < 40; ++before) {
    const std::string plain(before, '\xff');
    EXPECT_EQ(scan_value("\"" + plain + "\"x"), before + 2);
    EXPECT_EQ(scan_value("\"" + plain + "\\\"\"x"), before + 4);
    EXPECT_FALSE(is_valid("\"" + plain + "\x1f\""));
    EXPECT_FALSE(is_valid("\"" + plain + "\\q\""));
    EXPECT_TRUE(is_valid("\"" + plain + " !#[]\x80\x9f\xa0\xdc\x7f\""));
  }
}

TEST(JsonText, FindsTheEndOfAValue) {
  const struct {
    std::string text;
    std::optional<std::size_t> size;
  } cases[] = {
      {"1", 1},           {"1,2", 1},      {" 1 ", 2},   {"[1] x", 3},        {"{}[]", 2},
      {"\"a\"b", 3},      {"nullnull", 4}, {"12x", 2},   {"-", std::nullopt}, {",1", std::nullopt},
      {"", std::nullopt}, {"01", 1},       {"1.5.5", 3}, {"1e5e", 3},         {"1.x", std::nullopt},
  };
  for (const auto& c : cases) EXPECT_EQ(scan_value(c.text), c.size) << c.text;
}

TEST(JsonText, BoundsTheNesting) {
  EXPECT_TRUE(is_valid("1", 0));
  EXPECT_FALSE(is_valid("[]", 0));
  EXPECT_TRUE(is_valid("[]", 1));
  EXPECT_TRUE(is_valid("[[],{}]", 2));
  EXPECT_FALSE(is_valid("[[],{}]", 1));
  EXPECT_TRUE(is_valid(nested(512)));
  EXPECT_FALSE(is_valid(nested(513)));
  EXPECT_TRUE(is_valid(nested(512, R"({"a":)", "}")));
  EXPECT_FALSE(is_valid(nested(513, R"({"a":)", "}")));
  EXPECT_FALSE(is_valid(nested(1'000'000)));
  EXPECT_FALSE(is_valid(std::string(1'000'000, '[')));
  EXPECT_TRUE(elements("[[]]", 2));
  EXPECT_FALSE(elements("[[]]", 1));
  EXPECT_FALSE(elements("[]", 0));
  EXPECT_FALSE(members("{}", 0));
  EXPECT_FALSE(members(R"({"a":{}})", 1));
}

Result<void, Fault> strictly(std::string_view text) { return check_strictly(text, 3); }

TEST(JsonText, SaysWhyAStrictCheckFails) {
  const struct {
    std::string text;
    std::optional<Fault> fault;
  } cases[] = {
      {"1", std::nullopt},
      {"x", Fault::not_json},
      {"[1]]", Fault::not_json},
      {"[[[]]]", std::nullopt},
      {"[[[[]]]]", Fault::too_deep},
      {R"({"a":1,"b":2})", std::nullopt},
      {R"({"a":1,"a":2})", Fault::duplicate_key},
      {R"({"a":1,"b":{"x":1,"y":1,"x":1}})", Fault::duplicate_key},
      {R"([{"a":1},{"a":1}])", std::nullopt},
      {R"({"a":{"a":{"a":1}}})", std::nullopt},
      {R"({"a":{"b":1},"b":1})", std::nullopt},
      {R"({"b":{"a":1},"c":1,"b":1})", Fault::duplicate_key},
      {R"({"a":1,"\u0061":2})", Fault::duplicate_key},
      {R"({"\n":1,"\u000A":2})", Fault::duplicate_key},
      {R"({"😀":1,"\ud83d\uDE00":2})", Fault::duplicate_key},
      {R"({"\ud800":1,"\ud801":2,"\ufffd":3})", std::nullopt},
      {R"({"\ud800":1,"\uD800":2})", Fault::duplicate_key},
      {R"({"a":1,"A":2})", std::nullopt},
      {R"({"":1,"":2})", Fault::duplicate_key},
      {R"({"a":1,"a":2)", Fault::not_json},
  };
  for (const auto& c : cases) {
    const auto result = strictly(c.text);
    EXPECT_EQ(result ? std::nullopt : std::optional(result.error()), c.fault) << c.text;
  }
}

TEST(JsonText, ChecksManyKeysInReasonableTime) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_TRUE(check_strictly(text + "\"k\":0}"));
  EXPECT_FALSE(check_strictly(text + "\"k777\":0}"));
}

TEST(JsonText, SlicesTheElementsOfAnArray) {
  EXPECT_THAT(elements("[]"), Optional(IsEmpty()));
  EXPECT_THAT(elements(" [ ] "), Optional(IsEmpty()));
  EXPECT_THAT(elements(R"( ["a" , 1,[2, 3] ,{ "b": 4 }, null ] )"),
              Optional(ElementsAre("\"a\"", "1", "[2, 3]", "{ \"b\": 4 }", "null")));
  for (const auto& text : {"{}", "1", "", "[1", "[1,]", "[,]", "[1] 2", "[1 2]", "\"[]\""}) {
    EXPECT_FALSE(elements(text)) << text;
  }
}

TEST(JsonText, SlicesTheMembersOfAnObjectInOrder) {
  const auto found = members(R"( { "b" : [1] , "\u0061":{ } , "b":"x" } )");
  ASSERT_TRUE(found);
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [key, value] : *found) pairs.emplace_back(key, value);
  EXPECT_THAT(pairs, ElementsAre(testing::Pair("\"b\"", "[1]"), testing::Pair("\"\\u0061\"", "{ }"),
                                 testing::Pair("\"b\"", "\"x\"")));
  EXPECT_THAT(members(" { } "), Optional(testing::SizeIs(0)));
  for (const auto& text :
       {"[]", "{\"a\"}", "{\"a\":1,}", "{\"a\":1}x", "{\"a\":1", "", "{,}", "{\"a\" \"b\"}"}) {
    EXPECT_FALSE(members(text)) << text;
  }
}

TEST(JsonText, SlicesAgreeWithTheValidator) {
  for (const auto* texts : {&valid, &invalid}) {
    for (const auto& text : *texts) {
      const std::string_view trimmed =
          std::string_view(text).substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
      EXPECT_EQ(elements(text).has_value(), trimmed.starts_with('[') && is_valid(text)) << text;
      EXPECT_EQ(members(text).has_value(), trimmed.starts_with('{') && is_valid(text)) << text;
      EXPECT_EQ(check_strictly(text).has_value(), is_valid(text) && text != R"({"a":1,"a":2})")
          << text;
    }
  }
}

TEST(JsonText, GivesTheLastMemberOfAName) {
  const std::string object = R"({"a":1,"b":{"a":9},"a":2,"\u0062\n":3,"😀":4,"\ud800":5})";
  EXPECT_EQ(member(object, "a"), "2");
  EXPECT_EQ(member(object, "b"), R"({"a":9})");
  EXPECT_EQ(member(object, "b\n"), "3");
  EXPECT_EQ(member(object, "😀"), "4");
  EXPECT_EQ(member(R"({"\ud83d\ude00":4})", "😀"), "4");
  EXPECT_EQ(member(object, "\xef\xbf\xbd"), std::nullopt);  // a lone surrogate is not U+FFFD
  EXPECT_EQ(member(object, "c"), std::nullopt);
  EXPECT_EQ(member(object, ""), std::nullopt);
  EXPECT_EQ(member("[1]", "a"), std::nullopt);
  EXPECT_EQ(member(R"({"a":1,})", "a"), std::nullopt);
}

TEST(JsonText, UnquotesLiterals) {
  const struct {
    std::string literal;
    std::optional<std::string> text;
  } cases[] = {
      {R"("")", ""},
      {R"("plain ä€😀")", "plain ä€😀"},
      {R"("\"\\\/\b\f\n\r\t")", "\"\\/\b\f\n\r\t"},
      {R"("\u0041\u00e4\u20AC\ud83d\uDE00")", "Aä€😀"},
      {R"("\u0000")", "\0"s},
      {R"("\u007f\u0080\u07ff\u0800\uffff")", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
      {R"("\ud800\udc00\udbff\udfff")", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
      {R"("\ud800")", "\xef\xbf\xbd"},
      {R"("\udc00x")", "\xef\xbf\xbdx"},
      {R"("\ud800\ud800\udc00")", "\xef\xbf\xbd\xf0\x90\x80\x80"},
      {R"("\ud800\n")", "\xef\xbf\xbd\n"},
      {R"("\ud800\u0041")",
       "\xef\xbf\xbd"
       "A"},
      {R"("\ud800u0041")", "\xef\xbf\xbdu0041"},
      {"", std::nullopt},
      {"\"", std::nullopt},
      {"a", std::nullopt},
      {" \"a\"", std::nullopt},
      {"\"a\" ", std::nullopt},
      {"\"a\"b\"", std::nullopt},
      {"\"\\\"", std::nullopt},
      {"\"\n\"", std::nullopt},
      {R"("\u12")", std::nullopt},
  };
  for (const auto& c : cases) EXPECT_EQ(unquote(c.literal), c.text) << c.literal;
}

TEST(JsonText, QuotesAsJsonStringifyDoes) {
  EXPECT_EQ(quote(""), "\"\"");
  EXPECT_EQ(quote("a/ä\x7f\xe2\x80\xa8😀"), "\"a/ä\x7f\xe2\x80\xa8😀\"");
  EXPECT_EQ(quote("\"\\\b\f\n\r\t"), R"("\"\\\b\f\n\r\t")");
  EXPECT_EQ(quote("\x00\x01\x0b\x1f"s), R"("\u0000\u0001\u000b\u001f")");
}

TEST(JsonText, UnquotesWhatItQuoted) {
  std::string text;
  for (int c = 0; c < 128; ++c) text += static_cast<char>(c);
  text += "ä€😀";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::string part = text.substr(0, size);
    EXPECT_TRUE(is_valid(quote(part)));
    EXPECT_EQ(unquote(quote(part)), part);
  }
}

TEST(Number, IsWhatJsonParseMakesOfIt) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::string zeros(400, '0');
  const std::vector<std::pair<std::string, double>> cases{
      {"0", 0},
      {"-0", 0},
      {"1764000000.25", 1764000000.25},
      {"-1.5e3", -1500},
      {"1.7976931348623157e308", 1.7976931348623157e308},
      {"1e309", infinity},
      {"1e999", infinity},
      {"-1E+999", -infinity},
      {"1e99999999999999999999", infinity},
      {"1e-999", 0},
      {"1e-99999999999999999999", 0},
      {"0e999", 0},
      {"1" + zeros, infinity},
      {"1" + zeros + "e-399", 10},
      {"1" + zeros + "e-800", 0},
      {"0." + zeros + "1", 0},
      {"0." + zeros + "1e800", infinity},
      {"0." + zeros + "1e401", 1},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(number(text), expected) << text;
}

TEST(Number, IsNothingForAnythingElse) {
  for (const std::string text :
       {"", "-", "+1", ".5", "1.", "01", "1e", "0x10", "inf", "-inf", "nan", "Infinity", "\"1\"",
        "1 ", " 1", "1,2", "null", "[1]", "true"}) {
    EXPECT_EQ(number(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace crier::json
