#include "http/request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crier::http {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  while (times-- > 0) out.append(text);
  return out;
}

Request request(std::vector<std::pair<std::string, std::string>> headers) {
  Request request;
  request.method = Method::get;
  request.headers = std::move(headers);
  return request;
}

TEST(HttpRequest, CutsTheTargetIntoPathAndQuery) {
  struct Case {
    std::string target;
    std::string_view path;
    std::string_view query;
  };
  for (const Case& c : std::vector<Case>{
           {"/", "/", ""},
           {"/a/b", "/a/b", ""},
           {"/a?", "/a", ""},
           {"/a?b=c&d", "/a", "b=c&d"},
           {"/a?b?c", "/a", "b?c"},
           {"/a%20b?%3F", "/a%20b", "%3F"},
           {"?a", "", "a"},
           {"*", "*", ""},
           {"http://x/a?b", "/a", "b"},
           {"HTTPS://x:1/a", "/a", ""},
           {"http://x", "/", ""},
           {"http://x?a=/b", "", "a=/b"},
           {"http", "http", ""},
           {"x:1", "x:1", ""},
           {"/a?u=http://x/y", "/a", "u=http://x/y"},
           {"a?u=http://x/y", "a", "u=http://x/y"},
       }) {
    Request request;
    request.target = c.target;
    EXPECT_EQ(request.path(), c.path) << c.target;
    EXPECT_EQ(request.query(), c.query) << c.target;
  }
}

TEST(HttpRequest, FindsHeaders) {
  const Request r = request({{"a", "1"}, {"b", ""}, {"a", "2"}});
  EXPECT_EQ(r.header("a"), "1");
  EXPECT_EQ(r.header("b"), "");
  EXPECT_EQ(r.header("c"), "");
}

TEST(HttpRequest, JoinsHeadersOfOneName) {
  const Request r = request({{"a", "x, y"}, {"b", "no"}, {"a", "z"}, {"c", ""}});
  EXPECT_EQ(r.joined("a"), "x, y,z");
  EXPECT_EQ(r.joined("b"), "no");
  EXPECT_EQ(r.joined("c"), "");
  EXPECT_EQ(r.joined("d"), "");
}

TEST(HttpRequest, FindsTokensInLists) {
  const Request r = request({{"a", "x, Y ,\tz"}, {"b", "no"}, {"a", "w"}, {"c", ",, ,"}});
  for (const std::string_view token : {"x", "y", "Z", "w"}) EXPECT_TRUE(r.header_has("a", token));
  for (const std::string_view token : {"", "xy", "x, y", "no"}) {
    EXPECT_FALSE(r.header_has("a", token)) << token;
  }
  EXPECT_TRUE(r.header_has("b", "no"));
  EXPECT_FALSE(r.header_has("c", "x"));
  EXPECT_FALSE(r.header_has("d", "x"));
}

TEST(HttpRequest, KnowsWhoWantsAWebSocket) {
  using Headers = std::vector<std::pair<std::string, std::string>>;
  const Headers whole = {{"upgrade", "WebSocket"}, {"connection", "keep-alive, Upgrade"}};
  EXPECT_TRUE(request(whole).wants_websocket());
  for (const Headers& headers : std::vector<Headers>{
           {},
           {{"upgrade", "websocket"}},
           {{"connection", "upgrade"}},
           {{"upgrade", "h2c"}, {"connection", "upgrade"}},
           {{"upgrade", "websockets"}, {"connection", "upgrade"}},
           {{"upgrade", "websocket"}, {"connection", "keep-alive"}},
       }) {
    EXPECT_FALSE(request(headers).wants_websocket());
  }
  Request post = request(whole);
  post.method = Method::post;
  EXPECT_FALSE(post.wants_websocket());
  Request old = request(whole);
  old.version_minor = 0;
  EXPECT_FALSE(old.wants_websocket());
}

// CVE-2021-32640, GHSA-5v72-xg48-5rpm: a run of blanks or commas took quadratic time.
TEST(HttpRequest, LooksThroughLongRunsOfBlanksAndCommasInLinearTime) {
  for (const std::string_view unit : {" ", ",", " ,", ", \t", "a ", "a,"}) {
    const Request r = request({{"sec-websocket-protocol", repeat(unit, 1'000'000)}});
    EXPECT_FALSE(r.header_has("sec-websocket-protocol", "b"));
  }
}

TEST(HttpQuery, DecodesOnce) {
  const auto all = [](std::string_view text) { return Query(text).all(); };
  EXPECT_THAT(all(""), ElementsAre());
  EXPECT_THAT(all("&&"), ElementsAre());
  EXPECT_THAT(all("a=1&b=2"), ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_THAT(all("a&b=&=c"), ElementsAre(Pair("a", ""), Pair("b", ""), Pair("", "c")));
  EXPECT_THAT(all("a=b=c"), ElementsAre(Pair("a", "b=c")));
  EXPECT_THAT(all("a+b=c+d%2B"), ElementsAre(Pair("a b", "c d+")));
  EXPECT_THAT(all("%61=%2541"), ElementsAre(Pair("a", "%41")));
  EXPECT_THAT(all("a=%26%3D"), ElementsAre(Pair("a", "&=")));
  EXPECT_THAT(all("a=%C3%A9"), ElementsAre(Pair("a", "\xC3\xA9")));
}

TEST(HttpQuery, KeepsWhatCannotBeDecodedAsSent) {
  for (const std::string text : {"%", "%4", "%zz", "a+b%", "%FF", "%C3", "%ED%A0%80"}) {
    EXPECT_THAT(Query("a=" + text).get("a"), text);
    EXPECT_THAT(Query(text + "=1").get(text), "1");
  }
}

TEST(HttpQuery, LetsTheFirstOfANameWin) {
  const Query query("sid=a&sid=b&%73id=c");
  EXPECT_THAT(query.all(), ElementsAre(Pair("sid", "a")));
  EXPECT_EQ(query.get("other"), std::nullopt);
}

TEST(HttpQuery, KeepsABoundedNumber) {
  std::string text;
  for (int i = 0; i < 64; ++i) text += "p" + std::to_string(i) + "=&";
  EXPECT_EQ(Query(text).all().size(), 64U);
  EXPECT_EQ(Query(text + "q=").get("q"), std::nullopt);
  EXPECT_EQ(Query(text + "q=").all().size(), 64U);
}

// CVE-2023-31125, CVE-2026-59724: names and values that mean something to the language of the
// server, or nothing at all, in every parameter, also repeated.
TEST(HttpQuery, TakesReservedWordsAndJunkAsPlainText) {
  for (const std::string_view name : {"EIO", "transport", "sid", "t", "j", "b64"}) {
    for (const std::string_view word :
         {"__proto__", "constructor", "toString", "hasOwnProperty", "prototype", "null", "[]",
          "a[b]", "-1", "1e999", "../..", "%00", "%0D%0A", "\xC3\xA9", "' or 1=1"}) {
      std::string text;
      for (int i = 0; i < 1000; ++i) text.append(name).append("=").append(word).append("&");
      const Query query(text + std::string(word) + "=x");
      EXPECT_EQ(query.all().size(), 2U) << text.substr(0, 50);
      const auto value = query.get(name);
      ASSERT_TRUE(value) << text.substr(0, 50);
      EXPECT_EQ(value->size(), word.starts_with("%00")   ? 1U
                               : word.starts_with("%0D") ? 2U
                                                         : word.size());
    }
  }
  EXPECT_EQ(Query("a=1").get("__proto__"), std::nullopt);
  EXPECT_EQ(Query("a=1").get("constructor"), std::nullopt);
}

}  // namespace
}  // namespace crier::http
