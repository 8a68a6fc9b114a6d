#include "crier/json.hpp"

#include <gtest/gtest.h>

namespace crier {
namespace {

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

std::string code_of(std::string text) {
  const auto json = Json::parse(std::move(text));
  return json ? "" : json.error().code;
}

TEST(Json, IsNullByDefault) { EXPECT_EQ(Json().text(), "null"); }

TEST(Json, KeepsTheTextAsItWas) {
  for (const std::string text :
       {"{\"b\": 1.50, \"a\" : [ ] }", " \"ä\\u00e4\\ud800\" ", "1e999", "[{},{}]"}) {
    const auto json = Json::parse(text);
    ASSERT_TRUE(json) << text;
    EXPECT_EQ(json->text(), text);
  }
}

TEST(Json, SaysWhyATextIsRefused) {
  const struct {
    std::string text;
    const char* code;
  } cases[] = {
      {"", "not_json"},
      {"{", "not_json"},
      {"{} {}", "not_json"},
      {"{'a':1}", "not_json"},
      {"\"\xff\"", "bad_utf8"},
      {"\xef\xbb\xbf{}", "not_json"},  // a byte order mark
      {R"({"a":1,"a":1})", "duplicate_key"},
      {R"({"a":1,"\u0061":1})", "duplicate_key"},
      {nested(64), ""},
      {nested(65), "too_deep"},
      {nested(100'000), "too_deep"},
  };
  for (const auto& c : cases) EXPECT_EQ(code_of(c.text), c.code) << c.text.substr(0, 100);
}

TEST(Json, RefusesWithABadRequestAndOneSentence) {
  const auto json = Json::parse("nope");
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error(), (Error{400, "not_json", "The text is not one valid JSON value.", ""}));
}

TEST(Json, MakesStrings) {
  const auto json = Json::string("a\"\\\n\x01ä/");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->text(), R"("a\"\\\n\u0001ä/")");
  const auto bad = Json::string("\xed\xa0\x80");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, "bad_utf8");
}

}  // namespace
}  // namespace crier
