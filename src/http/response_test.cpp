#include "http/response.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crier::http {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Key;
using testing::Not;
using testing::Pair;

TEST(HttpResponse, IsWrittenWithItsLength) {
  EXPECT_EQ(serialize(text(200, "ok"), true),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\n"
            "Content-Length: 2\r\n\r\nok");
  EXPECT_EQ(serialize(json(422, "{}"), false),
            "HTTP/1.1 422 Unprocessable Content\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\nConnection: close\r\n\r\n{}");
  EXPECT_EQ(serialize(Response{413, {}, ""}, false),
            "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(serialize(Response{599, {{"A", "b"}, {"A", "c"}}, "x"}, true),
            "HTTP/1.1 599 \r\nA: b\r\nA: c\r\nContent-Length: 1\r\n\r\nx");
}

TEST(HttpResponse, TellsTheLengthOfTheBodyThatHeadLeavesOut) {
  EXPECT_EQ(serialize(Response{200, {}, "body"}, true, true),
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
}

TEST(HttpResponse, ContainsAShortRestAndIsFollowedByThePiecesOfALongOne) {
  const Bytes piece(std::string(joined_rest_bytes_max / 2, 'x'));
  const std::string text(piece.view());
  Response response{200, {}, "body", ByteChain(std::vector(2, piece))};
  EXPECT_EQ(serialize(response, true),
            "HTTP/1.1 200 OK\r\nContent-Length: 1028\r\n\r\nbody" + text + text);
  EXPECT_THAT(pieces_behind(response, false), IsEmpty());

  response.rest = ByteChain(std::vector<Bytes>{piece, piece, Bytes("y")});
  EXPECT_EQ(serialize(response, true), "HTTP/1.1 200 OK\r\nContent-Length: 1029\r\n\r\nbody");
  EXPECT_THAT(pieces_behind(response, false), ElementsAre(piece, piece, Bytes("y")));
  EXPECT_EQ(pieces_behind(response, false)[0].view().data(), piece.view().data());

  EXPECT_EQ(serialize(response, true, true), "HTTP/1.1 200 OK\r\nContent-Length: 1029\r\n\r\n");
  EXPECT_THAT(pieces_behind(response, true), IsEmpty());
}

TEST(HttpResponse, HasNoLengthWhereThereIsNeverABody) {
  for (const int status : {100, 101, 204, 304}) {
    const std::string bytes = serialize(Response{status, {}, ""}, true);
    EXPECT_THAT(bytes, Not(testing::HasSubstr("Content-Length"))) << status;
    EXPECT_TRUE(bytes.ends_with("\r\n\r\n")) << status;
  }
}

TEST(HttpResponse, SaysWhyForEveryStatusInUse) {
  for (const int status : {200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 408,
                           409, 413, 415, 422, 426, 429, 431, 500, 501, 503, 505}) {
    const std::string bytes = serialize(Response{status, {}, ""}, true);
    EXPECT_NE(bytes.substr(0, bytes.find('\r')), "HTTP/1.1 " + std::to_string(status) + " ");
  }
}

TEST(HttpResponseDeathTest, RefusesToWriteAHeaderThatWouldSplitTheResponse) {
  for (const std::string bad : {"a\r\nb", "a\nb", "a\r"}) {
    EXPECT_DEATH(serialize(Response{200, {{"A", bad}}, ""}, true), "assertion failed");
    EXPECT_DEATH(serialize(Response{200, {{bad, "a"}}, ""}, true), "assertion failed");
  }
}

// CVE-2020-28481: any origin was allowed by default.
TEST(Cors, AllowsNoOriginByDefault) {
  EXPECT_THAT(cors_headers({}, "https://example.com"), IsEmpty());
  EXPECT_THAT(cors_headers({}, ""), IsEmpty());
  EXPECT_THAT(preflight({}, Request{}).headers, Not(Contains(Key("Access-Control-Allow-Origin"))));
}

TEST(Cors, ReflectsAnAllowedOrigin) {
  const Cors cors{{"https://example.com", "http://localhost:3000"}};
  for (const std::string& origin : cors.origins) {
    EXPECT_THAT(cors_headers(cors, origin),
                ElementsAre(Pair("Vary", "Origin"), Pair("Access-Control-Allow-Origin", origin),
                            Pair("Access-Control-Allow-Credentials", "true")));
  }
}

// CVE-2019-13611, CVE-2022-42975: origins that only look like an allowed one were let in.
TEST(Cors, RefusesAnOriginThatOnlyLooksAllowed) {
  const Cors cors{{"https://example.com"}};
  for (const std::string_view origin :
       {"", "*", "null", "https://evilexample.com", "https://example.com.evil",
        "https://example.com.evil.org", "https://sub.example.com", "http://example.com",
        "https://example.com:8443", "https://example.com/", "https://EXAMPLE.com", "example.com",
        "https://example.co", "https://example.com https://evil.org", "https://exampleXcom"}) {
    EXPECT_THAT(cors_headers(cors, origin), ElementsAre(Pair("Vary", "Origin"))) << origin;
  }
}

TEST(Cors, AllowsEveryOriginWithoutCredentialsWhenTold) {
  for (const std::string_view origin : {"", "https://example.com", "null"}) {
    EXPECT_THAT(cors_headers({{"*"}}, origin),
                ElementsAre(Pair("Access-Control-Allow-Origin", "*")));
  }
}

TEST(Cors, TakesAStarAmongOthersAsNothing) {
  const Cors cors{{"https://example.com", "*"}};
  EXPECT_THAT(cors_headers(cors, "https://evil.org"), ElementsAre(Pair("Vary", "Origin")));
  EXPECT_THAT(cors_headers(cors, "*"), ElementsAre(Pair("Vary", "Origin")));
}

TEST(Cors, AnswersAPreflight) {
  Request request;
  request.headers = {{"origin", "https://example.com"},
                     {"access-control-request-method", "PUT"},
                     {"access-control-request-headers", "authorization, x-a"}};
  EXPECT_EQ(serialize(preflight({{"https://example.com"}}, request), true),
            "HTTP/1.1 204 No Content\r\n"
            "Vary: Origin\r\n"
            "Access-Control-Allow-Origin: https://example.com\r\n"
            "Access-Control-Allow-Credentials: true\r\n"
            "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\r\n"
            "Vary: Access-Control-Request-Headers\r\n"
            "Access-Control-Allow-Headers: authorization, x-a\r\n"
            "Content-Length: 0\r\n\r\n");
  EXPECT_THAT(
      preflight({{"https://other.org"}}, request).headers,
      AllOf(Contains(Pair("Vary", "Origin")), Not(Contains(Key("Access-Control-Allow-Origin"))),
            Not(Contains(Key("Access-Control-Allow-Credentials")))));
  request.headers.pop_back();
  EXPECT_THAT(preflight({{"*"}}, request).headers,
              AllOf(Contains(Pair("Access-Control-Allow-Origin", "*")),
                    Not(Contains(Key("Access-Control-Allow-Headers")))));
}

}  // namespace
}  // namespace crier::http
