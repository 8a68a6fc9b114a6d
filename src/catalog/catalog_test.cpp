#include "catalog/catalog.hpp"

#include "base/json_text.hpp"

#include <algorithm>
#include <gtest/gtest.h>

namespace crier::catalog {
namespace {

const std::string good = R"({"event":"request:created","requestId":"r1","data":{"a":1},)"
                         R"("performedBy":{"userId":"u1","name":"Ann"}})";

/// `good` with `from` replaced by `to`.
std::string with(const std::string& from, const std::string& to) {
  std::string body = good;
  const auto at = body.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return body.replace(at, from.size(), to);
}

/// The stored body, or `STATUS CODE PATH`.
std::string outcome(const std::string& body, const std::string& program = "p1") {
  const auto publication = Catalog::built_in().check(program, body);
  if (publication) return std::string(publication->body.view());
  const Error& error = publication.error();
  EXPECT_TRUE(error.message.ends_with('.')) << error.message;
  return std::to_string(error.status) + " " + error.code + " " + error.path;
}

TEST(Catalog, KnowsTheElevenBuiltInEvents) {
  const std::vector<std::string> expected{
      "request:created",    "request:updated",      "request:status_changed", "request:assigned",
      "request:deleted",    "comment:added",        "comment:deleted",        "attachment:uploaded",
      "attachment:deleted", "notification:created", "chain:step_advanced"};
  EXPECT_EQ(Catalog::built_in().events(), expected);
  for (const auto& event : expected) {
    const auto publication = Catalog::built_in().check("p1", with("request:created", event));
    ASSERT_TRUE(publication) << event;
    EXPECT_EQ(publication->event, event);
  }
}

TEST(Catalog, WritesTheEnvelopeInItsOrder) {
  EXPECT_EQ(outcome(good),
            R"({"event":"request:created","programId":"p1","requestId":"r1","data":{"a":1},)"
            R"("performedBy":{"userId":"u1","name":"Ann"}})");
  EXPECT_EQ(outcome(R"( { "performedBy" : {"name":"","userId":"u1"} , "data" : {} ,)"
                    R"( "requestId":"r1", "\u0065vent":"comment:added" } )"),
            R"({"event":"comment:added","programId":"p1","requestId":"r1","data":{},)"
            R"("performedBy":{"userId":"u1","name":""}})");
}

TEST(Catalog, KeepsDataAsItWasWritten) {
  for (const std::string data :
       {R"({})", R"({ "a" : 1.50, "b":[1e999, "\ud800\/"], "c":{"d":null} })",
        R"({"n":123456789012345678901234567890})", "{\n\t\"x\":\"\xF0\x9F\x98\x80\"}"}) {
    const std::string body = outcome(with(R"({"a":1})", data));
    EXPECT_NE(body.find(R"("data":)" + data + R"(,"performedBy")"), std::string::npos) << body;
  }
}

TEST(Catalog, EscapesWhatItWrites) {
  const std::string body = outcome(with(R"("Ann")", R"("\"A\u000a\\\u00e9")"), "p\"\\\xC3\xA9");
  EXPECT_NE(body.find(R"("programId":"p\"\\)"
                      "\xC3\xA9\""),
            std::string::npos)
      << body;
  EXPECT_NE(body.find(R"("name":"\"A\n\\)"
                      "\xC3\xA9\""),
            std::string::npos)
      << body;
}

TEST(Catalog, RefusesWhatIsNotJsonWith400) {
  const std::string deep(70, '[');
  const std::string shut(70, ']');
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "400 not_json "},
      {"{", "400 not_json "},
      {good + "x", "400 not_json "},
      {good + good, "400 not_json "},
      {with("}}", "},}"), "400 not_json "},
      {with(R"({"a":1})", "{a:1}"), "400 not_json "},
      {with(R"({"a":1})", R"({"a":01})"), "400 not_json "},
      {with("Ann", "\xff"), "400 bad_utf8 "},
      {with("Ann", "\xED\xA0\x80"), "400 bad_utf8 "},
      {with("Ann", std::string(1, '\n')), "400 not_json "},
      {with(R"({"a":1})", R"({"a":1,"a":2})"), "400 duplicate_key "},
      {with(R"({"a":1})", R"({"a":1,"\u0061":2})"), "400 duplicate_key "},
      {with(R"("requestId")", R"("event")"), "400 duplicate_key "},
      {with(R"({"a":1})", R"({"a":)" + deep + shut + "}"), "400 too_deep "},
  };
  for (const auto& [body, expected] : cases) EXPECT_EQ(outcome(body), expected) << body;
}

TEST(Catalog, RefusesOtherShapesWith422AndThePath) {
  const std::string user = R"("userId":"u1")";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"null", "422 wrong_type "},
      {"[]", "422 wrong_type "},
      {R"("request:created")", "422 wrong_type "},
      {"{}", "422 missing_member /event"},
      {with("request:created", "request:exploded"), "422 unknown_event /event"},
      {with("request:created", "Request:created"), "422 unknown_event /event"},
      {with("request:created", ""), "422 unknown_event /event"},
      {with(R"("request:created")", "7"), "422 wrong_type /event"},
      {with(R"("event":"request:created",)", ""), "422 missing_member /event"},
      {with(R"("requestId":"r1",)", ""), "422 missing_member /requestId"},
      {with(R"("data":{"a":1},)", ""), "422 missing_member /data"},
      {with(R"(,"performedBy":{"userId":"u1","name":"Ann"})", ""),
       "422 missing_member /performedBy"},
      {with(user + ",", ""), "422 missing_member /performedBy/userId"},
      {with(R"(,"name":"Ann")", ""), "422 missing_member /performedBy/name"},
      {with(R"("r1")", "7"), "422 wrong_type /requestId"},
      {with(R"("r1")", "null"), "422 wrong_type /requestId"},
      {with("r1", ""), "422 too_short /requestId"},
      {with("r1", std::string(129, 'r')), "422 too_long /requestId"},
      {with(R"({"a":1})", "[]"), "422 wrong_type /data"},
      {with(R"({"a":1})", R"("{}")"), "422 wrong_type /data"},
      {with(R"({"a":1})", "null"), "422 wrong_type /data"},
      {with(R"({"userId":"u1","name":"Ann"})", R"("u1")"), "422 wrong_type /performedBy"},
      {with(R"("u1")", "1"), "422 wrong_type /performedBy/userId"},
      {with("u1", ""), "422 too_short /performedBy/userId"},
      {with("u1", std::string(129, 'u')), "422 too_long /performedBy/userId"},
      {with(R"("Ann")", "{}"), "422 wrong_type /performedBy/name"},
      {with("Ann", std::string(257, 'n')), "422 too_long /performedBy/name"},
      {with(R"("requestId")", R"("id":"x","requestId")"), "422 unknown_member /id"},
      {with(R"("requestId")", R"("programId":"x","requestId")"), "422 unknown_member /programId"},
      {with(R"("requestId")", R"("timestamp":"x","requestId")"), "422 unknown_member /timestamp"},
      {with(R"("requestId")", R"("":1,"requestId")"), "422 unknown_member /"},
      {with(R"("requestId")", R"("a/b~c\u002f":1,"requestId")"), "422 unknown_member /a~1b~0c~1"},
      {with(user, user + R"(,"role":"x")"), "422 unknown_member /performedBy/role"},
  };
  for (const auto& [body, expected] : cases) EXPECT_EQ(outcome(body), expected) << body;
}

TEST(Catalog, CountsBytesAfterUnescaping) {
  const auto accepted = [](const std::string& body) { return outcome(body).starts_with("{"); };
  std::string escaped;
  for (int i = 0; i < 128; ++i) escaped += "\\u0061";
  EXPECT_TRUE(accepted(with("r1", escaped)));
  EXPECT_FALSE(accepted(with("r1", escaped + "\\u0061")));
  std::string accents;
  for (int i = 0; i < 64; ++i) accents += "\xC3\xA9";
  EXPECT_TRUE(accepted(with("r1", accents)));
  EXPECT_FALSE(accepted(with("r1", accents + "x")));
  EXPECT_TRUE(accepted(with("Ann", std::string(256, 'n'))));
}

TEST(Catalog, SaysInOneSentenceWhatIsExpected) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {with("request:created", "x"), "request:status_changed"},
      {with(R"("r1")", "7"), "string of 1 to 128 bytes"},
      {with("Ann", std::string(257, 'n')), "at most 256 bytes"},
      {with(R"({"a":1})", "7"), "object"},
      {with(R"("requestId")", R"("x":1,"requestId")"), "event, requestId, data, performedBy"},
      {with(R"("requestId":"r1",)", ""), "requestId"},
  };
  for (const auto& [body, expected] : cases) {
    const auto publication = Catalog::built_in().check("p1", body);
    ASSERT_FALSE(publication) << body;
    const std::string& message = publication.error().message;
    EXPECT_NE(message.find(expected), std::string::npos) << message;
    EXPECT_EQ(std::count(message.begin(), message.end(), '.'), 1) << message;
  }
}

TEST(EventArguments, AddsTimestampAndId) {
  const std::string body = outcome(good);
  const std::string envelope =
      body.substr(0, body.size() - 1) + R"(,"timestamp":"2026-11-24T06:49:00.123Z"})";
  EXPECT_EQ(event_arguments(body, 1'795'502'940'123, "e1.5"),
            R"(["request:created",)" + envelope + R"(,"e1.5"])");
  EXPECT_EQ(event_arguments(body, 1'795'502'940'123, ""),
            R"(["request:created",)" + envelope + "]");
}

TEST(EventArguments, EscapesTheId) {
  const std::string arguments = event_arguments(outcome(good), 0, "a\"b");
  const auto elements = json::elements(arguments);
  ASSERT_TRUE(elements);
  ASSERT_EQ(elements->size(), 3U);
  EXPECT_EQ((*elements)[2], R"("a\"b")");
}

TEST(EventArguments, AreEmptyForForeignRecords) {
  for (const std::string body : {"", "{", "{}", "null", R"({"event":)", R"({"event":})",
                                 R"({"event":"x")", R"({"event":7,"data":{}})", R"( {"event":"x"})",
                                 R"({"data":{},"event":"x"})", R"({"event":"x)"}) {
    EXPECT_EQ(event_arguments(body, 0, "id"), "") << body;
  }
}

}  // namespace
}  // namespace crier::catalog
