#include "backends/redis/store/names.hpp"

#include <gtest/gtest.h>

namespace crier::redis {
namespace {

TEST(RedisNames, AreThoseOfTheContract) {
  const Names names(0, false);
  EXPECT_EQ(names.meta(), "socket:events:meta");
  EXPECT_EQ(names.program("a:{b}"), "socket:events:program:a:{b}");
  EXPECT_EQ(names.claim("sid"), "socket:events:claim:sid");
  EXPECT_EQ(names.program_channel("a:{b}"), "socket:events:bus:program:a:{b}");
  EXPECT_EQ(names.claims_channel(), "socket:events:bus:claims");
  EXPECT_EQ(names.publish(), "PUBLISH");
  EXPECT_EQ(names.subscribe(), "SUBSCRIBE");
  EXPECT_EQ(names.unsubscribe(), "UNSUBSCRIBE");
}

TEST(RedisNames, KeepProgramsAndTokensApart) {
  const Names names(0, false);
  EXPECT_NE(names.token("a", "b:c"), names.token("a:b", "c"));
  EXPECT_NE(names.token("a", "1:b"), names.token("1:a", "b"));
}

TEST(RedisNames, KeepTheChannelsOfDatabasesApart) {
  const Names names(3, false);
  EXPECT_EQ(names.meta(), "socket:events:meta");
  EXPECT_EQ(names.program_channel("p"), "socket:events:bus:3:program:p");
  EXPECT_EQ(names.claims_channel(), "socket:events:bus:3:claims");
}

TEST(RedisNames, AreAllInOneSlotOfACluster) {
  const Names names(0, true);
  for (const std::string& name :
       {names.meta(), names.program("p"), names.token("p", "t"), names.batch("b"),
        names.claim("sid"), names.program_channel("{p}"), names.claims_channel()}) {
    EXPECT_EQ(name.find("{socket:events}:"), 0U) << name;
  }
  EXPECT_EQ(names.publish(), "SPUBLISH");
  EXPECT_EQ(names.subscribe(), "SSUBSCRIBE");
  EXPECT_EQ(names.unsubscribe(), "SUNSUBSCRIBE");
}

}  // namespace
}  // namespace crier::redis
