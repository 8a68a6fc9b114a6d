#include "daemon/cli/cli_test.hpp"
#include "daemon/cli/fake_server.hpp"

#include <gmock/gmock.h>

namespace crier::daemon {
namespace {

using testing::HasSubstr;

std::string answer(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + " x\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

class PublishCommand : public testing::Test {
 protected:
  PublishCommand() { shell.environment["CRIER_API_KEY"] = "key"; }

  Outcome publish(const std::string& url, const std::string& data = "{}") {
    return shell.run(
        {"publish", "p1", "comment:added", "--request", "r1", "--data", data, "--url", url});
  }

  Shell shell;
};

TEST_F(PublishCommand, PostsTheEventAndPrintsItsId) {
  FakeServer server({answer("202", R"({"id":"e.7","seq":1,"timestamp":"t"})")});
  const auto outcome =
      shell.run({"publish", "p/1", "comment:added", "--request", "r\"1", "--data", R"({"a": [1]})",
                 "--user", "u1", "--name", "Ann", "--url", server.url() + "/gateway/"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "e.7\n");
  const std::string& request = server.request();
  EXPECT_THAT(request,
              testing::StartsWith("POST /gateway/api/v1/programs/p%2F1/events HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nAuthorization: Bearer key\r\n"));
  EXPECT_THAT(request,
              testing::EndsWith("\r\n\r\n"
                                R"({"event":"comment:added","requestId":"r\"1","data":{"a": [1]},)"
                                R"("performedBy":{"userId":"u1","name":"Ann"}})"));
}

TEST_F(PublishCommand, SendsAnIdempotencyKeyWhenItIsGivenOne) {
  const std::vector<std::string> words{"publish", "p1", "comment:added", "--request", "r1",
                                       "--data",  "{}", "--url"};
  for (const std::string& key : {std::string(), std::string("!~"), std::string(255, 'k')}) {
    FakeServer server({answer("202", R"({"id":"e.7"})")});
    auto all = words;
    all.push_back(server.url());
    if (!key.empty()) all.insert(all.end(), {"--idempotency-key", key});
    EXPECT_EQ(shell.run(all).code, 0);
    const std::string sent = key.empty() ? "" : "\r\nIdempotency-Key: " + key + "\r\n";
    EXPECT_EQ(server.request().find("Idempotency-Key") == std::string::npos, key.empty());
    EXPECT_THAT(server.request(), HasSubstr(sent));
  }
  for (const std::string& key :
       {std::string(), std::string(256, 'k'), std::string("a b"), std::string("a\r\nX: y"),
        std::string("\x7f"), std::string("\xc3\xa9")}) {
    auto all = words;
    all.insert(all.end(), {"http://127.0.0.1:9", "--idempotency-key", key});
    EXPECT_EQ(shell.run(all).code, 2) << key;
  }
}

TEST_F(PublishCommand, ReadsDataFromStandardInput) {
  FakeServer server({answer("202", R"({"id":"e.7"})")});
  shell.input = "{\"from\":\n\"stdin\"}\n";
  EXPECT_EQ(publish(server.url(), "-").code, 0);
  EXPECT_THAT(server.request(), HasSubstr("\"data\":{\"from\":\n\"stdin\"}\n,\"performedBy\""));
}

TEST_F(PublishCommand, PrintsADashForAnEventThatIsNotKept) {
  FakeServer server({answer("202", R"({"id":null,"seq":null,"recoverable":false})")});
  const auto outcome = publish(server.url());
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "-\n");
}

TEST_F(PublishCommand, ReportsRefusalsAndFails) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {answer("422", R"({"code":"wrong_type","message":"An object.","path":"/data"})"),
       "crier: 422 wrong_type: An object. (/data)\n"},
      {answer("401", R"({"code":"unauthorized","message":"No.","path":""})"),
       "crier: 401 unauthorized: No.\n"},
      {answer("502", "<html>"), "crier: 502\n"},
      {answer("500", R"({"code":7,"message":null})"), "crier: 500\n"},
      {answer("301", "{}"), "crier: 301\n"},
      {answer("202", "{}"), "crier: the answer has no id\n"},
      {answer("202", "id"), "crier: the answer has no id\n"},
  };
  for (const auto& [bytes, expected] : cases) {
    FakeServer server({bytes});
    const auto outcome = publish(server.url());
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, expected);
  }
}

TEST_F(PublishCommand, FailsWhenTheGatewayDoesNotAnswer) {
  FakeServer server({""});
  const auto outcome = publish(server.url());
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, testing::StartsWith("crier: 127.0.0.1:"));
}

TEST_F(PublishCommand, FailsWithoutAUsableKey) {
  for (const std::string key : {"", "a\r\nX: y"}) {
    shell.environment["CRIER_API_KEY"] = key;
    const auto outcome = publish("http://127.0.0.1:9");
    EXPECT_EQ(outcome.code, 1);
    EXPECT_THAT(outcome.err, HasSubstr("CRIER_API_KEY"));
  }
}

TEST_F(PublishCommand, CallsWrongArgumentsWrongUsage) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"publish"},
           {"publish", "p1", "comment:added", "--request", "r1"},
           {"publish", "p1", "comment:added", "--data", "{}"},
           {"publish", "p1", "comment:added", "--request", "r1", "--data", "{"},
           {"publish", "p1", "comment:added", "--request", "r1", "--data", "{},\"x\":1"},
           {"publish", "p1", "comment:added", "--request", "r1", "--data", R"({"a":1,"a":2})"},
           {"publish", "p1", "comment:\xff", "--request", "r1", "--data", "{}"},
           {"publish", "p1", "comment:added", "--request", "r1", "--data", "{}", "--url", "x"}}) {
    const auto outcome = shell.run(words);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
}

}  // namespace
}  // namespace crier::daemon
