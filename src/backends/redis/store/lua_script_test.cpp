// The scripts that the build writes for redis-cli are those that it embeds, and answer the same.

#include "backends/redis/store/lua_script.hpp"

#include "backends/redis/store/script.hpp"
#include "backends/redis/store/session_script.hpp"
#include "tests/support/redis_process.hpp"
#include "tests/support/redis_server.hpp"

#include <gtest/gtest.h>
#include <regex>
#include <string>
#include <vector>

namespace crier::redis {
namespace {

/// As redis-cli prints it to a pipe: a line for each string.
std::string printed(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_ARRAY) return {reply.str, static_cast<std::size_t>(reply.len)};
  std::string lines;
  for (std::size_t i = 0; i < reply.elements; ++i) {
    if (i > 0) lines += '\n';
    lines += printed(*reply.element[i]);
  }
  return lines;
}

/// Times and what is numbered by them differ from run to run.
std::string without_times(const std::string& text) {
  static const std::regex microseconds("\\b[0-9]{16}\\b");
  return std::regex_replace(text, microseconds, "<time>");
}

class RedisServerLuaScript : public testing::Test {
 protected:
  /// `arguments` as for EVALSHA.
  std::string run_embedded(const std::string& name, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"EVAL", std::string(lua_script(name).value())});
    return printed(*server.command(arguments));
  }
  std::string run_by_redis_cli(const std::string& name, const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {"redis-cli", "-p", std::to_string(server.port()), "--eval",
                                        CRIER_LUA "/" + name};
    const auto keys_end = arguments.begin() + 1 + std::stoi(arguments[0]);
    command.insert(command.end(), arguments.begin() + 1, keys_end);
    command.emplace_back(",");
    command.insert(command.end(), keys_end, arguments.end());
    std::string output = TestProcess(command).output();
    if (output.ends_with('\n')) output.pop_back();
    return output;
  }

  /// Runs both ways, each on what `arrange` leaves in an empty server, and compares the answers.
  template <class Arrange>
  void expect_same(const std::string& name, const std::vector<std::string>& arguments,
                   const std::string& answer, Arrange arrange) {
    server.command({"FLUSHALL"});
    arrange();
    EXPECT_EQ(without_times(run_embedded(name, arguments)), answer);
    server.command({"FLUSHALL"});
    arrange();
    const std::string sha = server.text({"SCRIPT", "LOAD", std::string(lua_script(name).value())});
    server.command({"SCRIPT", "FLUSH"});
    EXPECT_EQ(without_times(run_by_redis_cli(name, arguments)), answer);
    EXPECT_EQ(server.command({"SCRIPT", "EXISTS", sha})->element[0]->integer, 1)
        << name << " is another one for redis-cli";
  }

  [[nodiscard]] std::vector<std::string> append_two() const {
    const history::AppendRequest first{"p", Bytes(std::string(R"({"text":"a, b"})")), "token"};
    const history::AppendRequest second{"p", Bytes(std::string("{}")), {}};
    const AppendBatch batch{"batch-1", std::chrono::seconds(60), {&first, &second}};
    return append_arguments(names, context, retention, batch);
  }

  TestServer server;
  const Names names{0, false};
  const CallContext context{"run-1", "epoch--1"};
  const history::Retention retention;
};

TEST_F(RedisServerLuaScript, AppendsByRedisCliToo) {
  expect_same("append.lua", append_two(),
              "epoch--1 <time> 1 0 batch-1\nepoch--1 <time> 2 <time> batch-1", [] {});
}

TEST_F(RedisServerLuaScript, ReadsByRedisCliToo) {
  expect_same("read.lua", read_arguments(names, context, retention, {{"p", 0, 1}}),
              "epoch--1\n<time>\n<time>\n<time>\n<time>\n"
              R"({"seq":2,"prev":<time>,"gid":<time>,"envelope":{}})",
              [this] { run_embedded("append.lua", append_two()); });
}

TEST_F(RedisServerLuaScript, ClaimsByRedisCliToo) {
  expect_same("claim.lua", claim_arguments(names, retention, {"a", "b"}), "<time>\n<time>", [] {});
}

TEST_F(RedisServerLuaScript, SavesByRedisCliToo) {
  const std::vector<history::SessionPosition> positions = {{"u", "s", "holder", "1"}};
  expect_same("save.lua", save_arguments(names, retention, positions), "OK", [] {});
  EXPECT_EQ(run_embedded("load.lua", load_arguments(names, retention, "u", "s")), "1");
}

TEST_F(RedisServerLuaScript, LoadsByRedisCliToo) {
  const std::vector<history::SessionPosition> positions = {{"u", "s", "holder", "the value"}};
  expect_same("load.lua", load_arguments(names, retention, "u", "s"), "the value",
              [&] { run_embedded("save.lua", save_arguments(names, retention, positions)); });
}

TEST(LuaScript, IsKnownByItsNameOnly) {
  EXPECT_FALSE(lua_script("epoch.lua").has_value()) << "no script by itself";
  EXPECT_FALSE(lua_script("").has_value());
}

}  // namespace
}  // namespace crier::redis
