#include "socketio/placeholders.hpp"

#include "base/json_text.hpp"

#include <gtest/gtest.h>
#include <string>

namespace crier::socketio {
namespace {

struct Case {
  std::string json;
  bool in_range;
};

TEST(Placeholders, MustNameAnAttachmentByPlainDigits) {
  const Case cases[] = {
      {R"(["a",{"_placeholder":true,"num":0}])", true},
      {R"(["a",{"_placeholder":true,"num":1}])", true},
      {R"(["a",{"num":1,"_placeholder":true}])", true},
      {R"(["a", { "_placeholder" : true , "num" : 1 } ])", true},
      {R"(["a",{"_placeholder":true,"num":1,"more":[{}]}])", true},
      {R"(["a",{"_placeholder":true,"num":2}])", false},
      {R"(["a",{"_placeholder":true,"num":-1}])", false},
      {R"(["a",{"_placeholder":true,"num":-0}])", false},
      {R"(["a",{"_placeholder":true,"num":0.5}])", false},
      {R"(["a",{"_placeholder":true,"num":1.0}])", false},
      {R"(["a",{"_placeholder":true,"num":1e0}])", false},
      {R"(["a",{"_placeholder":true,"num":0E1}])", false},
      {R"(["a",{"_placeholder":true,"num":4294967296}])", false},
      {R"(["a",{"_placeholder":true,"num":18446744073709551616}])", false},
      {R"(["a",{"_placeholder":true,"num":1e400}])", false},
      {R"(["a",{"_placeholder":true,"num":"0"}])", false},
      {R"(["a",{"_placeholder":true,"num":"splice"}])", false},
      {R"(["a",{"_placeholder":true,"num":null}])", false},
      {R"(["a",{"_placeholder":true,"num":[0]}])", false},
      {R"(["a",{"_placeholder":true,"num":{}}])", false},
      {R"(["a",{"_placeholder":true}])", false},
  };
  for (const Case& c : cases) {
    ASSERT_TRUE(json::is_valid(c.json)) << c.json;
    EXPECT_EQ(placeholders_in_range(c.json, 2), c.in_range) << c.json;
  }
}

TEST(Placeholders, MayRepeatAnAttachmentButNotTheirOwnKeys) {
  EXPECT_TRUE(
      placeholders_in_range(R"([{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}])", 1));
  EXPECT_FALSE(placeholders_in_range(R"([{"_placeholder":true,"num":0,"num":0}])", 1));
  EXPECT_FALSE(placeholders_in_range(R"([{"_placeholder":true,"num":9,"num":0}])", 1));
  EXPECT_FALSE(placeholders_in_range(R"([{"_placeholder":true,"num":0,"num":9}])", 1));
  EXPECT_FALSE(placeholders_in_range(R"([{"_placeholder":true,"_placeholder":false,"num":9}])", 1));
}

TEST(Placeholders, AreFoundAtAnyDepthAndWhateverSurroundsThem) {
  const Case cases[] = {
      {R"(["a",{"b":[{"c":{"_placeholder":true,"num":1}}]}])", false},
      {R"(["a",{"b":[{"c":{"_placeholder":true,"num":0}}]}])", true},
      {R"([{"_placeholder":true,"x":{"num":9},"num":0}])", true},
      {R"([{"_placeholder":true,"x":[{"num":9}],"num":9}])", false},
      {R"([{"x":{"_placeholder":true},"num":0}])", false},
      {R"(["}",{"_placeholder":true,"num":9}])", false},
      {R"(["\"{",{"_placeholder":true,"num":9}])", false},
      {R"(["\\",{"_placeholder":true,"num":9}])", false},
      {R"([{"_placeholder":true,"t":"\",\"num\":0","num":9}])", false},
  };
  for (const Case& c : cases) {
    ASSERT_TRUE(json::is_valid(c.json)) << c.json;
    EXPECT_EQ(placeholders_in_range(c.json, 1), c.in_range) << c.json;
  }
}

TEST(Placeholders, CannotHideBehindEscapes) {
  EXPECT_FALSE(placeholders_in_range(R"([{"\u005fplaceholder":true,"num":9}])", 1));
  EXPECT_FALSE(placeholders_in_range(R"([{"_placeholder":true,"n\u0075m":9}])", 1));
  EXPECT_FALSE(placeholders_in_range(
      R"([{"\u005f\u0070\u006c\u0061\u0063\u0065\u0068\u006f\u006c\u0064\u0065\u0072":true}])", 1));
  EXPECT_TRUE(placeholders_in_range(R"([{"\u005fplaceholder":true,"\u006e\u0075\u006d":0}])", 1));
}

TEST(Placeholders, AreOnlyObjectsThatSaySo) {
  const std::string ordinary[] = {
      R"(["a",{"_placeholder":false,"num":9}])",
      R"(["a",{"_placeholder":"true","num":9}])",
      R"(["a",{"_placeholder":1,"num":9}])",
      R"(["a",{"num":9}])",
      R"(["a",{"_placeholders":true,"num":9}])",
      R"(["_placeholder",true,"num",9])",
      R"(["a",{"x":"_placeholder","num":9}])",
      R"([])",
      R"([{}])",
      R"("a")",
  };
  for (const std::string& json : ordinary) {
    ASSERT_TRUE(json::is_valid(json)) << json;
    EXPECT_TRUE(placeholders_in_range(json, 1)) << json;
  }
}

}  // namespace
}  // namespace crier::socketio
