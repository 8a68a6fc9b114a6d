#include "http/parser.hpp"

#include <algorithm>
#include <cctype>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace crier::http {
namespace {

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  while (times-- > 0) out.append(text);
  return out;
}

std::string describe(const Request& request) {
  std::string out = request.target + (request.keep_alive ? " keep" : " close");
  if (request.expects_continue) out += " expects";
  for (const auto& [name, value] : request.headers) {
    if (name != "host") out.append(" ").append(name).append("=").append(value);
  }
  return out + " {" + request.body + "}";
}

// Requests, and the status of the refusal that ended them, as one line.
class Feed {
 public:
  explicit Feed(const Limits& limits) : parser_(limits) {}

  void piece(std::string_view input) {
    for (;;) {
      switch (parser_.receive(input)) {
        case Progress::more:
          EXPECT_TRUE(input.empty()) << "more was asked for, but bytes were left";
          return;
        case Progress::head:
          EXPECT_EQ(parser_.request().body, "");
          heads_++;
          break;
        case Progress::complete:
          EXPECT_EQ(heads_, 1) << "a head is told once, before the body";
          heads_ = 0;
          EXPECT_FALSE(parser_.in_request());
          outcome_ += describe(parser_.request()) + ";";
          parser_.reset();
          if (input.empty()) return;
          break;
        case Progress::failed:
          if (!failed_) outcome_ += std::to_string(parser_.status());
          failed_ = true;
          return;
      }
    }
  }
  std::string outcome() { return outcome_ + (parser_.in_request() && !failed_ ? "more" : ""); }

 private:
  Parser parser_;
  std::string outcome_;
  int heads_ = 0;
  bool failed_ = false;
};

std::string outcome(std::string_view text, const Limits& limits = {}) {
  Feed whole(limits);
  whole.piece(text);
  Feed bytes(limits);
  for (std::size_t i = 0; i < text.size(); ++i) bytes.piece(text.substr(i, 1));
  EXPECT_EQ(bytes.outcome(), whole.outcome()) << "byte by byte: " << text.substr(0, 500);
  const std::size_t step = std::max<std::size_t>(1, text.size() / 512);
  for (std::size_t split = 0; split <= text.size(); split += step) {
    Feed halves(limits);
    halves.piece(text.substr(0, split));
    halves.piece(text.substr(split));
    EXPECT_EQ(halves.outcome(), whole.outcome()) << "split at " << split;
  }
  return whole.outcome();
}

std::string get(std::string_view headers) {
  return "GET / HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n";
}

std::string chunked(std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body);
}

struct Case {
  std::string_view why;
  std::string text;
  std::string outcome;
};

void check(const std::vector<Case>& cases, const Limits& limits = {}) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(outcome(c.text, limits), c.outcome) << c.text.substr(0, 500);
  }
}

TEST(HttpParser, ReadsRequestsHoweverTheyAreCut) {
  check({
      {"the least", get(""), "/ keep {};"},
      {"names become lower case, values are trimmed",
       get("X-Thing: \t a b \t\r\nEmpty:\r\nBytes: \xC3\xA9\xFF\r\n"),
       "/ keep x-thing=a b empty= bytes=\xC3\xA9\xFF {};"},
      {"a body with any bytes",
       "POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\na\r\n\n\xFF" +
           std::string(1, '\0'),
       "/a?b=c keep content-length=6 {a\r\n\n\xFF" + std::string(1, '\0') + "};"},
      {"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "/ close {};"},
      {"HTTP/1.0 that stays", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
       "/ keep connection=Keep-Alive {};"},
      {"a peer that leaves", get("Connection: foo, Close\r\n"),
       "/ close connection=foo, Close {};"},
      {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "/ keep {};"},
      {"a Host with port", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "/ keep {};"},
      {"one empty line before the request", "\r\n" + get(""), "/ keep {};"},
      {"only an empty line", "\r\n", ""},
      {"an expectation", get("Expect: 100-Continue\r\n"), "/ keep expects expect=100-Continue {};"},
      {"another expectation", get("Expect: money\r\n"), "/ keep expect=money {};"},
      {"an expectation of HTTP/1.0", "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
       "/ close expect=100-continue {};"},
      {"a head cut short", "GET / HTTP/1.1\r\nHost: x\r\n", "more"},
      {"a body cut short", get("Content-Length: 2\r\n") + "a", "more"},
  });
}

TEST(HttpParser, LeavesPipelinedBytesInTheInput) {
  const std::string post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";
  check({
      {"three in one piece", get("") + post + chunked("1\r\n!\r\n0\r\n\r\n") + get("A: b\r\n"),
       "/ keep {};/ keep content-length=2 {hi};/ keep transfer-encoding=chunked {!};"
       "/ keep a=b {};"},
      {"a bad one after a good one", post + "junk\r\n\r\n", "/ keep content-length=2 {hi};400"},
  });
  Parser parser(Limits{});
  const std::string text = post + "\x81\x80";
  std::string_view input = text;
  ASSERT_EQ(parser.receive(input), Progress::head);
  ASSERT_EQ(parser.receive(input), Progress::complete);
  EXPECT_EQ(input, "\x81\x80");
}

TEST(HttpParser, KnowsMethods) {
  const std::vector<std::pair<std::string, Method>> methods = {
      {"GET", Method::get},    {"HEAD", Method::head},       {"POST", Method::post},
      {"PUT", Method::put},    {"PATCH", Method::patch},     {"DELETE", Method::del},
      {"get", Method::other},  {"OPTIONS", Method::options}, {"TRACE", Method::other},
      {"BREW", Method::other}, {"CONNECT", Method::other},
  };
  for (const auto& [name, method] : methods) {
    Parser parser(Limits{});
    const std::string text = name + " / HTTP/1.1\r\nHost: x\r\n\r\n";
    std::string_view input = text;
    ASSERT_EQ(parser.receive(input), Progress::head) << name;
    EXPECT_EQ(parser.request().method, method) << name;
  }
}

// What a proxy may read differently is refused.

TEST(HttpParser, RefusesABodyOfUncertainLength) {
  check({
      {"length and chunks", get("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), "400"},
      {"chunks and length", get("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), "400"},
      {"a length twice", get("Content-Length: 3\r\nContent-Length: 3\r\n") + "abc", "400"},
      {"two lengths", get("Content-Length: 3\r\nContent-Length: 4\r\n") + "abc", "400"},
      {"a list of lengths", get("Content-Length: 3, 3\r\n") + "abc", "400"},
      {"a signed length", get("Content-Length: +3\r\n") + "abc", "400"},
      {"a negative length", get("Content-Length: -3\r\n") + "abc", "400"},
      {"a hexadecimal length", get("Content-Length: 0x3\r\n") + "abc", "400"},
      {"no digits", get("Content-Length:\r\n"), "400"},
      {"a blank in a length", get("Content-Length: 1 1\r\n"), "400"},
      {"2^64", get("Content-Length: 18446744073709551616\r\n"), "400"},
  });
}

TEST(HttpParser, RefusesCodingsThatAreNotPlainlyChunked) {
  check({
      {"an unknown coding", get("Transfer-Encoding: xchunked\r\n"), "501"},
      {"a known one that we lack", get("Transfer-Encoding: gzip, chunked\r\n"), "501"},
      {"chunked first", get("Transfer-Encoding: chunked, identity\r\n"), "501"},
      {"identity", get("Transfer-Encoding: identity\r\n"), "501"},
      {"quoted", get("Transfer-Encoding: \"chunked\"\r\n"), "501"},
      {"with a parameter", get("Transfer-Encoding: chunked;a=b\r\n"), "501"},
      {"empty", get("Transfer-Encoding:\r\n"), "501"},
      {"twice", get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "400"},
      {"with a vertical tab", get("Transfer-Encoding: chunked\v\r\n"), "400"},
      {"of HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
  });
}

TEST(HttpParser, RefusesLinesThatDoNotEndWhereTheyShould) {
  check({
      {"a folded line", get("A: b\r\n c\r\n"), "400"},
      {"a line folded with a tab", get("A: b\r\n\tc\r\n"), "400"},
      {"a fold before the first header", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", "400"},
      {"bare LF after the request line", "GET / HTTP/1.1\nHost: x\r\n\r\n", "400"},
      {"bare LF after a header", "GET / HTTP/1.1\r\nHost: x\n\r\n", "400"},
      {"bare LF as the end", "GET / HTTP/1.1\r\nHost: x\r\n\n", "400"},
      {"nothing but bare LF", "GET / HTTP/1.1\n\n", "400"},
      {"bare CR in a value", get("A: b\rc\r\n"), "400"},
      {"CR CR LF", get("A: b\r\r\n"), "400"},
      {"two empty lines before the request", "\r\n\r\n" + get(""), "400"},
  });
}

TEST(HttpParser, RefusesBytesThatNoHeaderHas) {
  const std::string nul(1, '\0');
  check({
      {"NUL in a value", get("A: b" + nul + "c\r\n"), "400"},
      {"NUL in a name", get("A" + nul + ": b\r\n"), "400"},
      {"NUL in the target", "GET /" + nul + " HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"DEL in a value", get("A: b\x7F\r\n"), "400"},
      {"blank before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "400"},
      {"blank in a name", get("Content Length: 3\r\n"), "400"},
      {"no name", get(": b\r\n"), "400"},
      {"no colon", get("A\r\n"), "400"},
      {"a name that is not ASCII", get("\xC3\xA9: b\r\n"), "400"},
  });
}

TEST(HttpParser, RefusesAnUncertainHost) {
  check({
      {"no Host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", "400"},
      {"two Hosts", get("Host: y\r\n"), "400"},
      {"the same Host twice", get("host: x\r\n"), "400"},
      {"two Hosts of HTTP/1.0", "GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n", "400"},
      {"a list of Hosts", "GET / HTTP/1.1\r\nHost: x, y\r\n\r\n", "400"},
      {"a Host with a path", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", "400"},
      {"a Host with a user", "GET / HTTP/1.1\r\nHost: a@x\r\n\r\n", "400"},
  });
}

TEST(HttpParser, RefusesTwoOfAFieldThatMayComeOnce) {
  for (const std::string name :
       {"Authorization", "Content-Type", "Origin", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
        "Sec-Fetch-Site", "Access-Control-Request-Method"}) {
    std::string lower_name = name;
    std::ranges::transform(lower_name, lower_name.begin(),
                           [](unsigned char c) { return std::tolower(c); });
    check({
        {name + " once", get(name + ": a\r\n"), "/ keep " + lower_name + "=a {};"},
        {name + " twice", get(name + ": a\r\n" + name + ": b\r\n"), "400"},
        {name + " twice, the same", get(name + ": a\r\nX: y\r\n" + lower_name + ": a\r\n"), "400"},
        {name + " empty and not", get(name + ":\r\n" + name + ": a\r\n"), "400"},
    });
  }
}

TEST(HttpParser, TakesFieldsThatAreLists) {
  check({{"lists", get("Accept: a\r\nAccept: b\r\nCookie: c\r\nCookie: d\r\n"),
          "/ keep accept=a accept=b cookie=c cookie=d {};"}});
}

TEST(HttpParser, RefusesMalformedRequestLines) {
  const std::string host = "\r\nHost: x\r\n\r\n";
  check({
      {"HTTP/0.9", "GET /\r\n\r\n", "400"},
      {"HTTP/1.2", "GET / HTTP/1.2" + host, "505"},
      {"HTTP/1.9", "GET / HTTP/1.9" + host, "505"},
      {"HTTP/2.0", "GET / HTTP/2.0" + host, "505"},
      {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
      {"no such version", "GET / HTTP/1.x" + host, "400"},
      {"a longer version", "GET / HTTP/1.10" + host, "400"},
      {"a version in lower case", "GET / http/1.1" + host, "400"},
      {"another protocol", "GET / RTSP/1.0" + host, "400"},
      {"a version cut short", "GET / HTTP/\r\n\r\n", "400"},
      {"a blank after the version", "GET / HTTP/1.1 " + host, "400"},
      {"no target", "GET  HTTP/1.1" + host, "400"},
      {"two blanks", "GET  / HTTP/1.1" + host, "400"},
      {"a tab", "GET\t/ HTTP/1.1" + host, "400"},
      {"a blank before the method", " GET / HTTP/1.1" + host, "400"},
      {"a method that is no token", "GE(T / HTTP/1.1" + host, "400"},
      {"a blank in the target", "GET /a b HTTP/1.1" + host, "400"},
      {"a target that is not UTF-8", "GET /\xFF HTTP/1.1" + host, "400"},
      {"a TLS hello", "\x16\x03\x01\x02\n", "400"},
  });
}

TEST(HttpParser, DecodesChunks) {
  check({
      {"none", chunked("0\r\n\r\n"), "/ keep transfer-encoding=chunked {};"},
      {"three", chunked("1\r\na\r\n00A\r\n0123456789\r\na\r\nabcdefghij\r\n0\r\n\r\n"),
       "/ keep transfer-encoding=chunked {a0123456789abcdefghij};"},
      {"line ends in the data", chunked("4\r\n\r\n\r\n\r\n0\r\n\r\n"),
       "/ keep transfer-encoding=chunked {\r\n\r\n};"},
      {"extensions", chunked("1;a=b;c=\"d e\"\r\nx\r\n1 ; y\r\nz\r\n0;last\r\n\r\n"),
       "/ keep transfer-encoding=chunked {xz};"},
      {"trailers are dropped", chunked("0\r\nDigest: abc\r\nX: \r\n\r\n"),
       "/ keep transfer-encoding=chunked {};"},
      {"coding names have no case",
       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
       "/ keep transfer-encoding=Chunked {a};"},
      {"cut short", chunked("2\r\na"), "more"},
      {"cut before the last line", chunked("0\r\n"), "more"},
  });
}

TEST(HttpParser, RefusesMalformedChunks) {
  const std::string nul(1, '\0');
  check({
      {"no size", chunked("\r\n"), "400"},
      {"no digit", chunked("g\r\n"), "400"},
      {"a prefix", chunked("0x1\r\na\r\n"), "400"},
      {"a sign", chunked("+1\r\na\r\n"), "400"},
      {"negative", chunked("-1\r\na\r\n"), "400"},
      {"a blank before", chunked(" 1\r\na\r\n"), "400"},
      {"a blank after", chunked("1 \r\na\r\n"), "400"},
      {"over 64 bits", chunked("10000000000000000\r\n"), "400"},
      {"junk after the size", chunked("1x\r\na\r\n"), "400"},
      {"bare LF after the size", chunked("1\na\r\n"), "400"},
      {"bare CR in an extension", chunked("1;a\rb\r\na\r\n"), "400"},
      {"NUL in an extension", chunked("1;a" + nul + "\r\na\r\n"), "400"},
      {"no end after the data", chunked("2\r\n{}XX"), "400"},
      {"data longer than told", chunked("1\r\nab\r\n0\r\n\r\n"), "400"},
      {"data shorter than told", chunked("3\r\na\r\n0\r\n\r\n"), "400"},
      {"bare LF after the data", chunked("1\r\na\n0\r\n\r\n"), "400"},
      {"bare CR after the data", chunked("1\r\na\r0\r\n\r\n"), "400"},
      {"a trailer without colon", chunked("0\r\nabc\r\n\r\n"), "400"},
      {"a folded trailer", chunked("0\r\nA: b\r\n c: d\r\n\r\n"), "400"},
      {"bare LF after a trailer", chunked("0\r\nA: b\n\r\n"), "400"},
      {"bare LF as the end", chunked("0\r\n\n"), "400"},
  });
}

// CVE-2026-54465, RUSTSEC-2023-0065: heads without an end were kept.
TEST(HttpParser, BoundsTheHead) {
  const std::string least = get("");
  const std::size_t filler = 200 - least.size() - std::string_view("A: \r\n").size();
  const Limits limits{.header_bytes_max = 200, .headers_max = 5};
  check(
      {
          {"at the limit", get("A: " + repeat("b", filler) + "\r\n"),
           "/ keep a=" + repeat("b", filler) + " {};"},
          {"one byte over", get("A: " + repeat("b", filler + 1) + "\r\n"), "431"},
          {"without end", "GET / HTTP/1.1\r\nHost: " + repeat("x", 1000), "431"},
          {"a request line without end", "GET /" + repeat("x", 1000), "431"},
          {"a body does not count", get("Content-Length: 300\r\n") + repeat("x", 300),
           "/ keep content-length=300 {" + repeat("x", 300) + "};"},
          {"as many headers as may be", get(repeat("A: b\r\n", 4)), "/ keep a=b a=b a=b a=b {};"},
          {"one more", get(repeat("A: b\r\n", 5)), "431"},
          {"refused before the end of the head", get(repeat("A: b\r\n", 5)).substr(0, 60), "431"},
      },
      limits);
}

// CVE-2024-37890: a server that met more headers than it keeps crashed on a missing Upgrade.
TEST(HttpParser, RefusesTenThousandHeadersWithAndWithoutUpgrade) {
  const std::string many = repeat("A: b\r\n", 10'000);
  const Limits roomy{.header_bytes_max = 1 << 20};
  for (const std::string upgrade : {"", "Connection: Upgrade\r\nUpgrade: websocket\r\n"}) {
    check({{"too long", get(upgrade + many), "431"}, {"too long", get(many + upgrade), "431"}});
    for (const std::string& text : {get(upgrade + many), get(many + upgrade)}) {
      Feed feed(roomy);
      feed.piece(text);
      EXPECT_EQ(feed.outcome(), "431");
    }
  }
}

// CVE-2020-36048: bodies were kept whatever their size.
TEST(HttpParser, BoundsBodiesWithContentLengthAndChunked) {
  const Limits limits{.body_bytes_max = 10};
  const std::string ten = "0123456789";
  check(
      {
          {"length at the limit", get("Content-Length: 10\r\n") + ten,
           "/ keep content-length=10 {0123456789};"},
          {"length over it, refused before the body comes", get("Content-Length: 11\r\n"), "413"},
          {"length far over it", get("Content-Length: 18446744073709551615\r\n"), "413"},
          {"no length: no body", get("") + ten, "/ keep {};more"},
          {"chunks at the limit", chunked("5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"),
           "/ keep transfer-encoding=chunked {0123456789};"},
          {"chunks over it, refused by the size", chunked("5\r\n01234\r\n6\r\n"), "413"},
          {"a chunk far over it", chunked("1\r\na\r\nffffffffffffffff\r\n"), "413"},
      },
      limits);
}

TEST(HttpParser, BoundsChunkExtensionsAndTrailers) {
  const Limits limits{.header_bytes_max = 100, .headers_max = 3};
  check(
      {
          {"extensions at the limit",
           chunked("1;" + repeat("e", 49) + "\r\na\r\n1;" + repeat("e", 49) + "\r\na\r\n0\r\n\r\n"),
           "/ keep transfer-encoding=chunked {aa};"},
          {"extensions of several chunks over it",
           chunked("1;" + repeat("e", 49) + "\r\na\r\n1;" + repeat("e", 50) + "\r\na\r\n"), "431"},
          {"an extension without end", chunked("1;" + repeat("e", 500)), "431"},
          {"a size without end", chunked(repeat("0", 500)), "431"},
          {"as many trailers as may be", chunked("0\r\nA: b\r\nA: b\r\nA: b\r\n\r\n"),
           "/ keep transfer-encoding=chunked {};"},
          {"one more", chunked("0\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n"), "431"},
          {"a trailer without end", chunked("0\r\nA: " + repeat("b", 500)), "431"},
      },
      limits);
}

TEST(HttpParser, LetsTheBodyLimitBeSetAtTheHead) {
  const std::string text =
      get("Content-Length: 20\r\n") + repeat("x", 20) + get("Content-Length: 20\r\n");
  Parser parser(Limits{.body_bytes_max = 10});
  std::string_view input = text;
  ASSERT_EQ(parser.receive(input), Progress::head);
  parser.set_body_bytes_max(20);
  ASSERT_EQ(parser.receive(input), Progress::complete);
  EXPECT_EQ(parser.request().body, repeat("x", 20));
  parser.reset();
  ASSERT_EQ(parser.receive(input), Progress::head);
  EXPECT_EQ(parser.receive(input), Progress::failed) << "the limit was of one request";
  EXPECT_EQ(parser.status(), 413);

  Parser chunks(Limits{});
  const std::string three = chunked("3\r\nabc\r\n0\r\n\r\n");
  input = three;
  ASSERT_EQ(chunks.receive(input), Progress::head);
  chunks.set_body_bytes_max(2);
  EXPECT_EQ(chunks.receive(input), Progress::failed);
  EXPECT_EQ(chunks.status(), 413);
}

TEST(HttpParser, KnowsWhetherARequestIsUnderWay) {
  Parser parser(Limits{});
  const auto receive = [&](std::string_view input) { return parser.receive(input); };
  EXPECT_FALSE(parser.in_request());
  receive("\r");
  EXPECT_TRUE(parser.in_request());
  receive("\n");
  EXPECT_FALSE(parser.in_request()) << "an empty line is no request";
  receive("G");
  EXPECT_TRUE(parser.in_request());
  EXPECT_EQ(receive("ET / HTTP/1.1\r\nHost: x\r\n\r\n"), Progress::head);
  EXPECT_TRUE(parser.in_request());
  EXPECT_EQ(receive(""), Progress::complete);
  EXPECT_FALSE(parser.in_request());
  parser.reset();
  EXPECT_FALSE(parser.in_request());
  EXPECT_EQ(receive(""), Progress::more);
  EXPECT_EQ(receive("\n"), Progress::failed);
  EXPECT_EQ(receive(get("")), Progress::failed) << "failed for good";
}

}  // namespace
}  // namespace crier::http
