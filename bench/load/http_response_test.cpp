#include "http_response.hpp"

#include <gtest/gtest.h>

namespace {

using load::HttpResponse;
using load::read_response;

constexpr std::size_t none = std::string_view::npos;

TEST(HttpResponse, IsReadWithItsLengthOrItsChunks) {
  for (const std::string_view bytes :
       {"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 202 Accepted\r\ntransfer-encoding: "
        "chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nT: r\r\n\r\n"}) {
    const std::string both = std::string(bytes) + "HTTP/1.1 200 OK";
    HttpResponse response;
    EXPECT_EQ(read_response(both, response), bytes.size());
    EXPECT_EQ(response.status, 202);
    EXPECT_EQ(response.body, "hello");
    EXPECT_TRUE(response.keep);
    for (std::size_t i = 0; i < bytes.size(); ++i)
      EXPECT_EQ(read_response(bytes.substr(0, i), response), 0) << i;
  }
}

TEST(HttpResponse, WithoutABodyEndsWithItsHeaders) {
  HttpResponse response;
  constexpr std::string_view bytes = "HTTP/1.1 204 No Content\r\nConnection: Close\r\n\r\n";
  EXPECT_EQ(read_response(bytes, response), bytes.size());
  EXPECT_EQ(response.body, "");
  EXPECT_FALSE(response.keep);
}

TEST(HttpResponse, ThatIsNoneIsTold) {
  HttpResponse response;
  for (const std::string_view bytes :
       {"SSH-2.0 hello there\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nuntil the end",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    EXPECT_EQ(read_response(bytes, response), none) << bytes;
  }
}

}  // namespace
