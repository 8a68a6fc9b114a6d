#include "backends/redis/store/outage_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace crier::redis {
namespace {

using testing::ElementsAre;

class RedisOutageLog : public testing::Test {
 protected:
  std::vector<std::string> lines;
  OutageLog log{[this](LogLevel, std::string_view message, std::initializer_list<LogField> fields) {
                  std::string line(message);
                  for (const LogField& field : fields) line += " " + field.value;
                  lines.push_back(line);
                },
                "host"};
};

TEST_F(RedisOutageLog, SaysEachReasonOnceAnOutage) {
  log.end();
  log.outage("closed");
  log.outage("closed");
  log.outage("WRONGPASS");
  log.outage("closed");
  log.end();
  log.end();
  log.outage("closed");
  EXPECT_THAT(lines,
              ElementsAre("Redis is unavailable host closed", "Redis is unavailable host WRONGPASS",
                          "Redis is available again host", "Redis is unavailable host closed"));
}

TEST_F(RedisOutageLog, SaysAFewReasonsOnly) {
  for (std::size_t i = 0; i < 2 * OutageLog::reasons_max; ++i) log.outage(std::to_string(i));
  EXPECT_EQ(lines.size(), OutageLog::reasons_max);
}

TEST_F(RedisOutageLog, SaysEachFailureOnceAConnection) {
  log.failure("WRONGTYPE");
  log.failure("WRONGTYPE");
  log.failure("ERR");
  log.connected();
  log.failure("ERR");
  EXPECT_THAT(lines, ElementsAre("Redis failed a call host WRONGTYPE",
                                 "Redis failed a call host ERR", "Redis failed a call host ERR"));
}

}  // namespace
}  // namespace crier::redis
