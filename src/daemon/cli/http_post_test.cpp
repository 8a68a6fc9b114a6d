#include "daemon/cli/http_post.hpp"

#include "daemon/cli/fake_server.hpp"

#include <gmock/gmock.h>

namespace crier::daemon {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;

constexpr milliseconds patience(10'000);

/// `STATUS BODY`, or the error without the address.
std::string outcome(const std::vector<std::string>& pieces, milliseconds timeout = patience) {
  FakeServer server(pieces);
  const HttpUrl url{"127.0.0.1", server.port(), ""};
  const auto answer = http_post(url, "/x", {}, "{}", timeout);
  if (answer) return std::to_string(answer->status) + " " + answer->body;
  const std::string who = "127.0.0.1:" + std::to_string(server.port()) + ": ";
  EXPECT_EQ(answer.error().substr(0, who.size()), who);
  return answer.error().substr(who.size());
}

TEST(HttpPost, SendsOneRequest) {
  FakeServer server({"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"});
  const HttpUrl url{"127.0.0.1", server.port(), "/prefix"};
  ASSERT_TRUE(http_post(url, "/path", {{"X-One", "1"}, {"X-Two", "2"}}, "{\"a\":1}", patience));
  EXPECT_EQ(server.request(),
            "POST /prefix/path HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                "\r\nConnection: close\r\nContent-Type: application/json\r\n"
                "Content-Length: 7\r\nX-One: 1\r\nX-Two: 2\r\n\r\n{\"a\":1}");
}

TEST(HttpPost, ReadsAnswersInAnyPieces) {
  const std::string answer =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 422 Unprocessable\r\ncontent-LENGTH:  4\r\n\r\nbody";
  EXPECT_EQ(outcome({answer}), "422 body");
  for (std::size_t split = 1; split < answer.size(); ++split) {
    EXPECT_EQ(outcome({answer.substr(0, split), answer.substr(split)}), "422 body");
  }
}

TEST(HttpPost, JudgesAnswers) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  const std::vector<std::pair<std::string, std::string>> cases{
      {head + "\r\nuntil the end", "200 until the end"},
      {head + "Content-Length: 2\r\n\r\nabcd", "200 ab"},
      {"HTTP/1.0 204\r\n\r\n", "204 "},
      {head + "Content-Length: 9\r\n\r\nshort", "broke off its answer"},
      {head + "Content-Length: x\r\n\r\n", "answered with something that is not HTTP"},
      {head + "Content-Length: -1\r\n\r\n", "answered with something that is not HTTP"},
      {head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "answered in chunks, which this command does not read"},
      {head, "answered with something that is not HTTP"},
      {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "answered with something that is not HTTP"},
      {"HTTP/1.1 abc\r\n\r\n", "answered with something that is not HTTP"},
      {"HTTP/1.1 099 x\r\n\r\n", "answered with something that is not HTTP"},
      {"\r\n\r\n", "answered with something that is not HTTP"},
      {head + "\r\n" + std::string((1 << 20) + 20'000, 'x'), "answered with more than 1 MiB"},
  };
  for (const auto& [answer, expected] : cases) EXPECT_EQ(outcome({answer}), expected);
}

TEST(HttpPost, GivesUpAfterItsTimeout) {
  EXPECT_EQ(outcome({}, milliseconds(30)), "Connection timed out");
}

TEST(HttpPost, SaysThatNobodyListens) {
  std::uint16_t port = 0;
  {
    FakeServer server({});
    port = server.port();
  }
  const auto answer = http_post({"127.0.0.1", port, ""}, "/", {}, "{}", patience);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error(), "127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

TEST(HttpPost, SaysThatAHostIsUnknown) {
  const auto answer = http_post({"256.256.256.256.invalid", 80, ""}, "/", {}, "{}", patience);
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error(), testing::StartsWith("256.256.256.256.invalid:80: "));
}

}  // namespace
}  // namespace crier::daemon
