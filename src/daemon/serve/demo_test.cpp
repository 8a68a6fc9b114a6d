#include "daemon/serve/demo.hpp"

#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

namespace crier::daemon {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The status that a request is refused with, 0 if it may be answered.
int status(std::string method, Headers headers) {
  const HttpRequest request{std::move(method), "/dev/state", "", std::move(headers), ""};
  const auto refusal = demo_refusal(request);
  return refusal ? refusal->status : 0;
}

TEST(DemoRefusal, TakesRequestsToLoopbackNamesOnly) {
  for (const std::string host : {"127.0.0.1:3000", "localhost:3000", "127.0.0.1", "localhost"}) {
    EXPECT_EQ(status("GET", {{"host", host}}), 0) << host;
  }
  for (const std::string host :
       {"evil.example", "evil.example:3000", "localhost.evil.example:3000",
        "127.0.0.1.evil.example", "10.0.0.1:3000", "", ":3000", "[::2]:3000"}) {
    EXPECT_EQ(status("GET", {{"host", host}}), 403) << host;
    EXPECT_EQ(status("POST", {{"host", host}, {"content-type", "application/json"}}), 403) << host;
  }
  EXPECT_EQ(status("GET", {}), 403);
}

TEST(DemoRefusal, TakesRequestsOfItsOwnPageOnly) {
  const auto with = [](const std::string& method, const std::string& name,
                       const std::string& value) {
    return status(
        method, {{"host", "localhost:3000"}, {"content-type", "application/json"}, {name, value}});
  };
  for (const std::string method : {"GET", "POST"}) {
    EXPECT_EQ(with(method, "origin", "http://localhost:3000"), 0);
    EXPECT_EQ(with(method, "origin", "https://localhost:3000"), 0);
    for (const std::string origin :
         {"https://evil.example", "null", "http://localhost:5173", "http://localhost",
          "http://127.0.0.1:3000", "http://localhost:30000", "file://", "http://localhost:3000/"}) {
      EXPECT_EQ(with(method, "origin", origin), 403) << method << " " << origin;
    }
    EXPECT_EQ(with(method, "sec-fetch-site", "same-origin"), 0);
    EXPECT_EQ(with(method, "sec-fetch-site", "none"), 0);
    EXPECT_EQ(with(method, "sec-fetch-site", "same-site"), 403);
    EXPECT_EQ(with(method, "sec-fetch-site", "cross-site"), 403);
    EXPECT_EQ(with(method, "sec-fetch-site", "nonsense"), 403);
  }
}

TEST(DemoRefusal, LetsALinkLeadToThePage) {
  const auto link = [](const std::string& method, const std::string& mode,
                       const std::string& dest) {
    return status(method, {{"host", "localhost:3000"},
                           {"content-type", "application/json"},
                           {"sec-fetch-site", "cross-site"},
                           {"sec-fetch-mode", mode},
                           {"sec-fetch-dest", dest}});
  };
  EXPECT_EQ(link("GET", "navigate", "document"), 0);
  EXPECT_EQ(link("GET", "navigate", "iframe"), 403);
  EXPECT_EQ(link("GET", "no-cors", "script"), 403);
  EXPECT_EQ(link("POST", "navigate", "document"), 403);
}

TEST(DemoRefusal, TakesNoFormForJson) {
  const auto typed = [](const std::string& type) {
    return status("POST", {{"host", "localhost:3000"}, {"content-type", type}});
  };
  EXPECT_EQ(typed("application/json"), 0);
  EXPECT_EQ(typed("application/json; charset=utf-8"), 0);
  for (const std::string type :
       {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "",
        "application/jsonp", "text/plain; application/json"}) {
    EXPECT_EQ(typed(type), 415) << type;
  }
  EXPECT_EQ(status("POST", {{"host", "localhost:3000"}}), 415);
}

}  // namespace
}  // namespace crier::daemon
