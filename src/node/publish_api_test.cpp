#include "node/publish_api.hpp"

#include "tests/support/gateway_fixture.hpp"

namespace crier::node {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class PublishApiTest : public GatewayFixture {
 protected:
  std::string post_keyed(const std::string& key, std::string_view body = publish_body,
                         std::string_view program = "p1") {
    return post(program, body, "key", "Idempotency-Key: " + key + "\r\n");
  }
  static std::string body_of(const std::string& answer) {
    return answer.substr(answer.find("\r\n\r\n") + 4);
  }
};

TEST_F(PublishApiTest, AnswersARepeatedKeyWithTheFirstResult) {
  run();
  auto client = member("u1");
  const std::string first = post_keyed("k");
  const std::string again = post_keyed("k");
  EXPECT_THAT(first, StartsWith("HTTP/1.1 202"));
  EXPECT_THAT(first, Not(HasSubstr("Idempotent-Replayed")));
  EXPECT_THAT(again, StartsWith("HTTP/1.1 202"));
  EXPECT_THAT(again, HasSubstr("\r\nIdempotent-Replayed: true\r\n"));
  EXPECT_EQ(body_of(first), body_of(again));
  EXPECT_THAT(body_of(post_keyed("l")), HasSubstr("\"seq\":2"));
  EXPECT_THAT(client->read_frame(), HasSubstr("r1"));
  EXPECT_THAT(client->read_frame(), HasSubstr("r1"));
  post("p1", R"({"event":"request:created","requestId":"last","data":{},)"
             R"("performedBy":{"userId":"u1","name":"Ursula"}})");
  EXPECT_THAT(client->read_frame(), HasSubstr("last")) << "one event a key";
}

TEST_F(PublishApiTest, RefusesAKeyThatCameWithAnotherBody) {
  run();
  const std::string first = post_keyed("k");
  std::string other(publish_body);
  other.replace(other.find("\"n\":1"), 5, "\"n\":2");
  const std::string refused = post_keyed("k", other);
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 409"));
  EXPECT_THAT(refused, HasSubstr("{\"code\":\"idempotency_key_reused\""));
  EXPECT_EQ(body_of(post_keyed("k")), body_of(first));
  EXPECT_THAT(get("/metrics"),
              HasSubstr("crier_publish_errors_total{code=\"idempotency_key_reused\"} 1\n"));
  EXPECT_THAT(body_of(post("p1", other)), HasSubstr("\"seq\":2")) << "nothing was stored";
}

TEST(PublishRefusal, SaysWithEach503AfterHowLongToComeAgain) {
  const auto retry_after = [](const http::Response& response) {
    std::string value;
    for (const auto& [name, text] : response.headers) {
      if (name == "Retry-After") value = text;
    }
    return value;
  };
  for (const std::string code : {"shutting_down", "history_unavailable", "outcome_unknown",
                                 "outcomes_unknown_full", "not_running"}) {
    const Error error{503, code, "A sentence.", ""};
    EXPECT_EQ(retry_after(publish_refusal(error)), "1") << code;
    EXPECT_EQ(retry_after(publish_response(Unexpected{error})), "1") << code;
  }
  EXPECT_EQ(retry_after(publish_refusal({409, "idempotency_key_reused", "A sentence.", ""})), "");
}

TEST_F(PublishApiTest, KeepsTheKeysOfProgramsApart) {
  run();
  EXPECT_THAT(body_of(post_keyed("k", publish_body, "p1")), HasSubstr("\"seq\":1"));
  const std::string other = post_keyed("k", publish_body, "p2");
  EXPECT_THAT(other, StartsWith("HTTP/1.1 202"));
  EXPECT_THAT(other, Not(HasSubstr("Idempotent-Replayed")));
}

TEST_F(PublishApiTest, TakesAKeyOfVisibleAsciiUpToItsBound) {
  run();
  for (const std::string& key : {std::string("!"), std::string("~"), std::string(255, 'k')}) {
    EXPECT_THAT(post_keyed(key), StartsWith("HTTP/1.1 202")) << key;
  }
  for (const std::string& key : {std::string(), std::string(256, 'k'), std::string("a b"),
                                 std::string("a\tb"), std::string("\xc3\xa9")}) {
    const std::string answer = post_keyed(key);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400")) << key;
    EXPECT_THAT(answer, HasSubstr("{\"code\":\"bad_idempotency_key\",\"message\":\"The "
                                  "Idempotency-Key header must be"));
  }
  const std::string two = "Idempotency-Key: a\r\nIdempotency-Key: a\r\n";
  EXPECT_THAT(post("p1", publish_body, "key", two), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(post("p1", publish_body, "wrong", two), StartsWith("HTTP/1.1 401"))
      << "a key is only looked at when its holder may publish";
}

TEST_F(PublishApiTest, NamesAPlaceOnlyWhereThereIsOne) {
  Position position{"e.1", 7, "2026-11-24T06:49:00.123Z", true, true};
  EXPECT_EQ(position_json(position),
            R"({"id":"e.1","seq":7,"timestamp":"2026-11-24T06:49:00.123Z"})");
  position.recoverable = false;
  EXPECT_EQ(position_json(position),
            R"({"id":null,"seq":null,"timestamp":"2026-11-24T06:49:00.123Z","recoverable":false})");
}

TEST_F(PublishApiTest, AKeyThatNoHeaderCanCarryIsRefusedAtOnce) {
  GatewayOptions chosen = options();
  for (const std::string key : {"key\n", "key\r\n", "k\ty", " key", "key ", "\x7F"}) {
    chosen.api.key = key;
    const auto fit = Gateway::check(chosen);
    ASSERT_FALSE(fit) << key;
    EXPECT_THAT(fit.error().message, StartsWith("api.key must have no blank at its ends"));
  }
  for (const std::string key : {"", "key", "a key", "k\xC3\xA9y"}) {
    chosen.api.key = key;
    EXPECT_TRUE(Gateway::check(chosen)) << key;
  }
}

}  // namespace
}  // namespace crier::node
