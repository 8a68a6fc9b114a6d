// What the contract cannot arrange: keys and fields that others wrote.

#include "backends/redis/session_script.hpp"

#include "backends/redis/test_server.hpp"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace crier::redis {
namespace {

class RedisServerSessionScript : public testing::Test {
 protected:
  std::string eval(const std::string& script, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"EVAL", script});
    return server.text(arguments);
  }
  void save(const std::vector<history::SessionPosition>& positions) {
    EXPECT_EQ(eval(save_script(), save_arguments(names, retention, positions)), "OK");
  }
  std::string load(const std::string& user, const std::string& session) {
    return eval(load_script(), load_arguments(names, retention, user, session));
  }

  TestServer server;
  const Names names{0, false};
  history::Retention retention{.sessions_max = 2};
};

TEST_F(RedisServerSessionScript, LosesOnlyThePositionsOfAKeyThatIsSomethingElse) {
  server.command({"SET", names.session("broken"), "value"});
  save({{"broken", "s", "holder", "1", true}, {"u", "s", "holder", "2", true}});
  EXPECT_EQ(load("broken", "s"), "");
  EXPECT_EQ(load("u", "s"), "2");
  EXPECT_EQ(server.text({"GET", names.session("broken")}), "value");
}

TEST_F(RedisServerSessionScript, DropsWhatIsNotCriersFirst) {
  server.command({"HSET", names.session("u"), "foreign", "value", "odd", "7"});
  EXPECT_EQ(load("u", "foreign"), "");
  EXPECT_EQ(load("u", "odd"), "");
  save({{"u", "s", "holder", "1", true}, {"u", "t", "holder", "2", true}});
  EXPECT_EQ(server.text({"HLEN", names.session("u")}), "2");
  EXPECT_EQ(load("u", "s"), "1");
  EXPECT_EQ(load("u", "t"), "2");
}

TEST_F(RedisServerSessionScript, ExpiresTheKeyWithItsNewestPosition) {
  retention.ttl = std::chrono::milliseconds(100'000);
  save({{"u", "s", "holder", "1", true}});
  EXPECT_GT(std::stoll(server.text({"PTTL", names.session("u")})), 90'000);
  EXPECT_LE(std::stoll(server.text({"PTTL", names.session("u")})), 100'000);
}

}  // namespace
}  // namespace crier::redis
