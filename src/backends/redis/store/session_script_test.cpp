// What the contract cannot arrange: keys and fields that others wrote.

#include "backends/redis/store/session_script.hpp"

#include "backends/redis/client/reply.hpp"
#include "tests/support/redis_server.hpp"

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
  std::string take_over(const history::SessionPosition& position) {
    return eval(save_script(), take_over_arguments(names, retention, position));
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
  save({{"broken", "s", "holder", "1"}, {"u", "s", "holder", "2"}});
  EXPECT_EQ(load("broken", "s"), "");
  EXPECT_EQ(load("u", "s"), "2");
  EXPECT_EQ(server.text({"GET", names.session("broken")}), "value");
}

TEST_F(RedisServerSessionScript, LeavesAKeyThatIsSomethingElseAlone) {
  server.command({"SET", names.session("broken"), "value"});
  EXPECT_EQ(take_over({"broken", "s", "holder", "1"}), "OK") << "nothing will be known of it";
  save({{"broken", "s", "holder", "2"}});
  EXPECT_EQ(load("broken", "s"), "");
  EXPECT_EQ(server.text({"GET", names.session("broken")}), "value");
  EXPECT_EQ(server.text({"PTTL", names.session("broken")}), "-1");
}

TEST_F(RedisServerSessionScript, AnswersWhatTheServerRefuses) {
  EXPECT_EQ(take_over({"u", "s", "holder", "1"}), "OK");
  const std::pair<std::string, std::string> refusals[] = {{"min-replicas-to-write", "NOREPLICAS"},
                                                          {"maxmemory", "OOM"}};
  for (const auto& [setting, refusal] : refusals) {
    server.command({"CONFIG", "SET", setting, "1"});
    for (const auto& arguments :
         {take_over_arguments(names, retention, {"u", "s", "other", "2"}),
          save_arguments(names, retention,
                         std::vector{history::SessionPosition{"u", "s", "holder", "2"}})}) {
      std::vector<std::string> command = {"EVAL", save_script()};
      command.insert(command.end(), arguments.begin(), arguments.end());
      const auto reply = server.command(command);
      EXPECT_EQ(answer_of(*reply), Answer::refused);
      EXPECT_EQ(refusal_of(*reply), refusal);
    }
    server.command({"CONFIG", "SET", setting, "0"});
    EXPECT_EQ(load("u", "s"), "1") << refusal;
  }
  EXPECT_EQ(take_over({"u", "s", "other", "3"}), "OK");
  EXPECT_EQ(load("u", "s"), "3");
}

TEST_F(RedisServerSessionScript, ALoadThatIsNotAllowedIsAnError) {
  save({{"u", "s", "holder", "1"}});
  server.command({"ACL", "SETUSER", "default", "-hget"});
  std::vector<std::string> command = {"EVAL", load_script()};
  const auto arguments = load_arguments(names, retention, "u", "s");
  command.insert(command.end(), arguments.begin(), arguments.end());
  EXPECT_EQ(answer_of(*server.command(command)), Answer::failed);
}

TEST_F(RedisServerSessionScript, DropsWhatIsNotCriersFirst) {
  server.command({"HSET", names.session("u"), "foreign", "value", "odd", "7"});
  EXPECT_EQ(load("u", "foreign"), "");
  EXPECT_EQ(load("u", "odd"), "");
  save({{"u", "s", "holder", "1"}, {"u", "t", "holder", "2"}});
  EXPECT_EQ(server.text({"HLEN", names.session("u")}), "2");
  EXPECT_EQ(load("u", "s"), "1");
  EXPECT_EQ(load("u", "t"), "2");
}

TEST_F(RedisServerSessionScript, ExpiresTheKeyWithItsNewestPosition) {
  retention.ttl = std::chrono::milliseconds(100'000);
  save({{"u", "s", "holder", "1"}});
  EXPECT_GT(std::stoll(server.text({"PTTL", names.session("u")})), 90'000);
  EXPECT_LE(std::stoll(server.text({"PTTL", names.session("u")})), 100'000);
}

}  // namespace
}  // namespace crier::redis
