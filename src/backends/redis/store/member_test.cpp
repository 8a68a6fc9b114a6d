#include "backends/redis/store/member.hpp"

#include <gtest/gtest.h>
#include <string>

namespace crier::redis {
namespace {

constexpr const char* member =
    R"({"seq":12,"prev":1700000000001000,"gid":1700000000002000,"envelope":{"a":[1,"}"]}})";
constexpr const char* message =
    R"({"epoch":"aB3-_x9Z","program":"p\"ü","seq":1,"prev":0,"gid":7,"envelope":{"n":1}})";

TEST(RedisMember, HoldsTheRecord) {
  const auto record = decode_member(member);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->seq, 12U);
  EXPECT_EQ(record->prev, 1'700'000'000'001'000U);
  EXPECT_EQ(record->gid, 1'700'000'000'002'000U);
  EXPECT_EQ(record->body.view(), R"({"a":[1,"}"]})");
}

TEST(RedisMember, IsNothingWhenCutAnywhere) {
  const std::string whole = member;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_member(whole.substr(0, size)).has_value()) << size;
  }
}

TEST(RedisMember, IsNothingUnlessItsNumbersCanBeTrueAndItsEnvelopeIsAnObject) {
  const std::string cases[] = {
      R"({"event":"request:created","timestamp":1700000000000})",
      R"({"seq":0,"prev":0,"gid":1,"envelope":{}})",
      R"({"seq":-1,"prev":0,"gid":1,"envelope":{}})",
      R"({"seq":01,"prev":0,"gid":1,"envelope":{}})",
      R"({"seq":1.0,"prev":0,"gid":1,"envelope":{}})",
      R"({"seq":1e3,"prev":0,"gid":1,"envelope":{}})",
      R"({"seq":"1","prev":0,"gid":1,"envelope":{}})",
      R"({"seq": 1,"prev":0,"gid":1,"envelope":{}})",
      R"({"seq":1,"prev":1,"gid":1,"envelope":{}})",
      R"({"seq":1,"prev":2,"gid":1,"envelope":{}})",
      R"({"seq":1,"prev":0,"gid":0,"envelope":{}})",
      R"({"seq":1,"prev":0,"gid":9007199254740992,"envelope":{}})",
      R"({"seq":1,"prev":0,"gid":99999999999999999999999,"envelope":{}})",
      R"({"seq":1,"gid":1,"prev":0,"envelope":{}})",
      R"({"seq":1,"prev":0,"gid":1,"envelope":[]})",
      R"({"seq":1,"prev":0,"gid":1,"envelope":null})",
      R"({"seq":1,"prev":0,"gid":1,"envelope":{}}})",
      R"({"seq":1,"prev":0,"gid":1,"envelope":{},"x":{}})",
      R"({"seq":1,"prev":0,"gid":1,"envelope":{nope}})",
      R"({"seq":1,"prev":0,"gid":1,"envelope":{}} )",
      R"({"seq":1,"prev":0,"gid":1,"envelope":})",
      "{\"seq\":1,\"prev\":0,\"gid\":1,\"envelope\":{\"a\":\"\xff\"}}",
      "{\"seq\":1,\"prev\":0,\"gid\":1,\"envelope\":{\"a\":" + std::string(600, '[') +
          std::string(600, ']') + "}}",
  };
  for (const std::string& text : cases) EXPECT_FALSE(decode_member(text).has_value()) << text;
  EXPECT_TRUE(decode_member(R"({"seq":1,"prev":0,"gid":1,"envelope":{}})").has_value());
}

TEST(RedisBusMessage, HoldsEpochProgramAndRecord) {
  const auto decoded = decode_bus_message(message);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->epoch, "aB3-_x9Z");
  EXPECT_EQ(decoded->program, "p\"ü");
  EXPECT_EQ(decoded->record.gid, 7U);
  EXPECT_EQ(decoded->record.seq, 1U);
  EXPECT_EQ(decoded->record.prev, 0U);
  EXPECT_EQ(decoded->record.body.view(), R"({"n":1})");
}

TEST(RedisBusMessage, IsNothingWhenCutAnywhere) {
  const std::string whole = message;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_bus_message(whole.substr(0, size)).has_value()) << size;
  }
}

TEST(RedisBusMessage, IsNothingUnlessEpochAndProgramAreValid) {
  const std::string rest = R"("seq":1,"prev":0,"gid":7,"envelope":{"n":1}})";
  const std::string cases[] = {
      R"({"epoch":"aB3","program":"p",)" + rest,
      R"({"epoch":"aB3-_x9+","program":"p",)" + rest,
      R"({"epoch":"aB3-_x9Z","program":"",)" + rest,
      R"({"epoch":"aB3-_x9Z","program":7,)" + rest,
      R"({"epoch":"aB3-_x9Z","program":["p"],)" + rest,
      R"({"epoch":"aB3-_x9Z","program":"\u0007",)" + rest,
      R"({"epoch":"aB3-_x9Z","program":")" + std::string(129, 'p') + "\"," + rest,
      "{\"epoch\":\"aB3-_x9Z\",\"program\":\"\xff\"," + rest,
      R"({"epoch":"aB3-_x9Z",)" + rest,
      R"({"program":"p",)" + rest,
      "{" + rest,
  };
  for (const std::string& text : cases) EXPECT_FALSE(decode_bus_message(text).has_value()) << text;
}

TEST(RedisClaim, HoldsSidAndFence) {
  const auto claim = decode_claim(R"({"sid":"a\"b","fence":1700000000001000})");
  ASSERT_TRUE(claim.has_value());
  EXPECT_EQ(claim->sid, "a\"b");
  EXPECT_EQ(claim->fence, 1'700'000'000'001'000U);
}

TEST(RedisClaim, IsNothingWhenCutAnywhere) {
  const std::string whole = R"({"sid":"lv_VI97HAXpY6yYWAAAB","fence":1700000000001000})";
  ASSERT_TRUE(decode_claim(whole).has_value());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_claim(whole.substr(0, size)).has_value()) << size;
  }
}

TEST(RedisClaim, IsNothingUnlessItHasItsForm) {
  const std::string cases[] = {
      R"({"sid":"","fence":1})",
      R"({"sid":7,"fence":1})",
      R"({"sid":["a"],"fence":1})",
      R"({"sid":"\u0007","fence":1})",
      "{\"sid\":\"\xff\",\"fence\":1}",
      R"({"sid":")" + std::string(129, 'a') + R"(","fence":1})",
      R"({"sid":"a","fence":-1})",
      R"({"sid":"a","fence":01})",
      R"({"sid":"a","fence":1.5})",
      R"({"sid":"a","fence":"1"})",
      R"({"sid":"a","fence":9007199254740992})",
      R"({"sid":"a","fence": 1})",
      R"({"sid":"a","fence":1} )",
      R"({"sid":"a","fence":1,"x":1})",
      R"({"fence":1,"sid":"a"})",
      R"({"sid":"a"})",
  };
  for (const std::string& text : cases) EXPECT_FALSE(decode_claim(text).has_value()) << text;
}

}  // namespace
}  // namespace crier::redis
